"""The command `nextphase`, the generated configuration and the pinned tools: they assemble the platform."""
