"""What Rio speaks of: events, subscriptions, senders, schemas, policies."""
