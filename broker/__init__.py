"""Rio, the message broker: its server, the outbox relay, and what a service imports to take part."""
