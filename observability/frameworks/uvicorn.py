"""Answers malformed HTTP messages with problem documents, in uvicorn."""

from uvicorn.protocols.http.h11_impl import H11Protocol

from observability.http.problem import Problem, last_answer


class ProblemProtocol(H11Protocol):
    """HTTP/1.1 by h11, with a problem document and a Date (RFC 9110, section 6.6.1) for a malformed message.

    (httptools, uvicorn's choice where it is installed, answers unknown methods itself, past the hop.)
    """

    def send_400_response(self, msg: str) -> None:
        """Refuse a message and close the connection.

        Parameters:
            msg: why, for a person.
        """
        self.transport.write(last_answer(Problem(400, detail=msg)))
        self.transport.close()
