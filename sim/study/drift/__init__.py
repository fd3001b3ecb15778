"""Months played forward: numbers that move, gates that watch, and what follows from their alarms."""
