"""The REST resources beside emitting."""
