"""Rio's dispatcher: takes events from their queues to their sinks."""
