"""The revisions, in their order."""
