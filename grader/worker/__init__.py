"""What runs in the other process: it imports nothing of the grader but this folder."""
