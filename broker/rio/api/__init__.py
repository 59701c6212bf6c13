"""Rio's HTTP API: emitting, subscriptions, dead letters."""
