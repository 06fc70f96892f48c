"""How a response is learned, answered, explained and carried."""
