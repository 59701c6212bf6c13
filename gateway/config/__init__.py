"""The routing table: read from `routes.yaml`, checked whole, compiled once."""
