"""The gateway: it calls services and composes their answers into one JSON document. It holds no state."""
