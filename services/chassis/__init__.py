"""The code that Python services share: read documents, consume deliveries, reach the database."""
