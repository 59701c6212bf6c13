"""Who emits what to whom, and events watched as they pass."""
