"""What the course's own makers run: bootstrap and benchmarks."""
