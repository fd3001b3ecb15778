"""Spend over months: what requests buy, how the months may go, and what that costs."""
