"""Floor 7: what others write, in our terms; one file per format."""
