"""The `nextphase` command."""
