"""Floor 3: patterns turn requests into itineraries; signals are what they know of a request."""
