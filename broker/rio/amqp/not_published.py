"""Reasons why RabbitMQ does not have a message, as far as its publisher knows."""


class NotPublished(Exception):
    """RabbitMQ did not confirm the message, and may or may not have it. The caller has to try again."""


class Unavailable(NotPublished):
    """RabbitMQ is away."""


class Blocked(NotPublished):
    """RabbitMQ takes no messages at present: a memory or disk alarm."""


class Stuck(NotPublished):
    """RabbitMQ confirms no message with this routing key, while it confirms others: a queue has no leader."""


class Saturated(NotPublished):
    """More messages wait for their confirm than the publisher may hold."""
