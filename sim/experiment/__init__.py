"""Floor 6: an experiment from YAML to a result."""
