"""Observers of delivery attempts: metrics, spans, log lines, history; one concern a module."""
