"""Published tables that encoders read, each with its source, version and licence."""
