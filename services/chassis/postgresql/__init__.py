"""Django's PostgreSQL backend over connections whose every wait has an end."""
