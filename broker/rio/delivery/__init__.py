"""Rio's dispatcher: messages of subscriptions' queues are delivered to sinks, as `pipeline.py` has it."""
