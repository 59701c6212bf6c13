"""Outcomes of a delivery attempt, such as delivered, retry and dead letter: one a module."""
