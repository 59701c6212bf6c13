"""Who emits which events, who receives them, and events watched as they pass."""
