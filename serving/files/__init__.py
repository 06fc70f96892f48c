"""Patients sent as files: read in a process of its own, answered as the document they make."""
