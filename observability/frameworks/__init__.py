"""One module a framework: what makes an application of it a hop."""
