"""Floor 8: the answer as people and programs read it: terminal, Markdown, CSV, Parquet, JSON."""
