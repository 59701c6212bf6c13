"""The services: one folder each, with its own database, and `chassis`, what the Python ones share."""
