"""What a Python service imports to emit and to consume events.

`outbox` writes an event in the business transaction, `inbox` makes consumption idempotent, `webhook` reads
a delivery, `subscriptions` tells Rio where to deliver.
"""
