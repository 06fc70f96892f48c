"""What a patient is, and the numbers a model reads of them; imports nothing of ours."""
