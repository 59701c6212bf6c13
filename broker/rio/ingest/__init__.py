"""From a POST to an event that RabbitMQ has."""
