"""Rio's server: the API that accepts events and the dispatcher that delivers them, over RabbitMQ."""
