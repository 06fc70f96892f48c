"""The pages on which a prediction is inspected."""
