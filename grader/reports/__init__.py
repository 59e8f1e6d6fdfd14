"""The views of a Report: text for a learner, JSON for programs, JUnit for CI."""
