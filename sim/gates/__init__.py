"""Gates: what production can see of the quality of routed answers, and the charts that watch it."""
