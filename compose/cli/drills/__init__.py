"""Drills: a live instance is broken for real, its alerts are seen to be notified, and it is healed."""
