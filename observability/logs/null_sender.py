"""The sender of a process that was not told where to send telemetry."""


class NullSender:
    """Discards records: for a process that was not told where to send telemetry."""

    def emit_packed(self, records: list[tuple[int, bytes]]) -> None:
        """Do nothing."""

    def lose(self, count: int) -> None:
        """Do nothing."""

    def flush(self, timeout_seconds: float) -> bool:
        """Do nothing."""
        return True

    def close(self, timeout_seconds: float = 0.0) -> None:
        """Do nothing."""
