"""The flow of events: their senders, their receivers, and a live view of them."""
