"""Numbers from labelled data: what a score is worth, and where its threshold belongs."""
