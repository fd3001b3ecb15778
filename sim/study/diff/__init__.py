"""Two experiments, revisions or results held against each other."""
