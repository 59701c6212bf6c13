"""Connections that are kept open for hours: WebSockets and event streams."""
