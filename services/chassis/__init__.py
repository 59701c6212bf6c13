"""What every Python service does the same way: read documents, consume deliveries, reach its database."""
