"""The model card in full: applied card, source attributes, reporting items; as JSON, XML and HTML."""
