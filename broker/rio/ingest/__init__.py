"""From a POST to an event that RabbitMQ has: `pipeline` is the way, every other module one step of it."""
