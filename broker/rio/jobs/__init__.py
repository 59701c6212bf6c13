"""Work that nobody waits for: replays, scheduled events, retention."""
