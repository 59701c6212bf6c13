"""Backoff and rate limits, which keep failure and overload from spreading."""
