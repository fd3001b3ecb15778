"""Questions asked of runs: does it keep its promises, what has changed."""
