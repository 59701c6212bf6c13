"""One module a framework, each with `instrument(app, telemetry)`, which makes an application a hop."""
