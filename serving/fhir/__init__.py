"""Answers as FHIR R4."""
