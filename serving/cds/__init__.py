"""CDS Hooks: cards in the record at the moment of a decision."""
