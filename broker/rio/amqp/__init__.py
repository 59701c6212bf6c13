"""Rio's side of RabbitMQ: connections, publishing, consuming, what is declared."""
