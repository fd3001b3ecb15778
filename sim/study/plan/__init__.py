"""Which pattern, which signals, which thresholds: the cheapest way to route within a quality budget."""
