"""Every row that the service keeps, durable, sealed and chained."""
