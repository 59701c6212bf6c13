"""The outbox relay: ships what services committed to Rio, in order per aggregate, at least once."""
