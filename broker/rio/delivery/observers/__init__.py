"""What is seen and kept of deliveries: one concern a module, over the hooks of `observer.py`."""
