"""The gateway's settings, and its routes: read from `routes.yaml`, checked whole, compiled once."""
