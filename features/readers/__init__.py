"""One reader per form in which patients arrive."""
