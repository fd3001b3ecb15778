"""Floor 5: from logs to numbers that people care about, each with its interval."""
