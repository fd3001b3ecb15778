"""Floor 2: the stream of requests."""
