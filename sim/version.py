"""The version of tiercast, kept apart so that `tiercast --version` imports nothing else."""

__version__ = "0.1.0"
