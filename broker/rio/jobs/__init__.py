"""Work that no request waits for: replays, scheduled events, retention."""
