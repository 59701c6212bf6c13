"""Numbers of rows in addresses: `/replays/{replay_id:digits}`."""

from collections.abc import Callable

from starlette.convertors import Convertor, register_url_convertor

from broker.rio.admin.documents import MAX_ROW_ID
from observability.http.problem import Problem


class _Digits(Convertor[str]):
    """Tells `/dead-letters/7` from `/dead-letters/replay`. Starlette's `int` fails beyond 4300 digits."""

    regex = "[0-9]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("digits", _Digits())


def storable(what: str) -> Callable[[int], int]:
    """Gives the number in an address, or raises Problem 404 where no row can have it."""

    def check(number: int) -> int:
        if number > MAX_ROW_ID:
            raise Problem(404, f"{what} not found")
        return number

    return check
