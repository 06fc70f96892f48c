"""Patients who came after training: what they look like, how they fare, and what the model may still promise."""
