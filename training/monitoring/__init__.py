"""Patients who came after training: who they are, how they fare, and what may still be promised."""
