"""What puts the platform together: the command, the generated configuration, the pinned tools."""
