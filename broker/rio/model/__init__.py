"""Rio's domain: events, subscriptions, senders, schemas, policies."""
