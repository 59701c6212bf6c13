"""Reading a process's configuration."""
