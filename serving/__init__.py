"""Answers for clinical applications and reviewers."""
