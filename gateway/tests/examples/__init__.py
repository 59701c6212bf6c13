"""The middleware that docs/middleware.md shows, and an application that the gateway's README names."""
