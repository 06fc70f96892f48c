"""One file per public source: obtain, verify, load."""
