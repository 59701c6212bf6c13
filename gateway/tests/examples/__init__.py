"""The middleware that docs/middleware.md shows."""
