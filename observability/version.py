"""The platform's version; pyproject.toml, which no image has, says the same."""

VERSION = "0.1.0"
