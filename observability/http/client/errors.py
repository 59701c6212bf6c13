"""Why an exchange gave no answer."""


class ClientError(Exception):
    """An exchange without a usable answer.

    Args:
        reason: what went wrong, for a person; never holds headers or bodies.
        sent: whether anything of the request may have reached the server. False means that repeating
            the request is safe, whatever its method.
    """

    def __init__(self, reason: str, sent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent


class ConnectFailed(ClientError):
    """There was no connection to send the request on."""


class Exhausted(ConnectFailed):
    """All connections to the origin are busy and as many callers as allowed wait for one."""


class TimedOut(ClientError):
    """The time given was over before the answer was there."""


class ConnectionLost(ClientError):
    """The connection ended before the answer did.

    Args:
        answered: whether any byte of an answer had come.
    """

    def __init__(self, reason: str, sent: bool = True, *, answered: bool = False) -> None:
        super().__init__(reason, sent)
        self.answered = answered


class TooLarge(ClientError):
    """The answer's head or body is larger than the limits allow."""


class Malformed(ClientError):
    """The answer is not HTTP/1.1, or framed in a way that two readers could understand differently."""
