"""From a study to a registered candidate."""
