"""Silences of alerts, as pages ask for them and as Alertmanager takes them."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError

from observability.configuration.strict import Strict
from observability.console.sessions import Session
from observability.http.problem import Problem

MIN_SECONDS: Final = 60
MAX_SECONDS: Final = 7 * 24 * 3600


class Matcher(Strict):
    """A label of the alerts that are meant."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
    value: Annotated[str, Field(max_length=1000)]
    isRegex: bool = False
    isEqual: bool = True


class WantedSilence(Strict):
    """Which alerts to silence, for how long and why."""

    matchers: Annotated[tuple[Matcher, ...], Field(min_length=1, max_length=20)]
    duration_seconds: Annotated[int, Field(ge=MIN_SECONDS, le=MAX_SECONDS)]
    comment: Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]


def silence(asked: dict[str, Any], session: Session) -> dict[str, Any]:
    """The silence that Alertmanager is asked for: from now on, in the name of the session's user.

    Raises:
        Problem: 422 with a pointer to each member that is wrong.
    """
    try:
        wanted = WantedSilence.model_validate(asked)
    except ValidationError as error:
        raise Problem(422, "Not a silence", detail="members are refused", errors=_errors(error)) from error
    now = datetime.now(UTC)
    return {
        "matchers": [matcher.model_dump() for matcher in wanted.matchers],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(seconds=wanted.duration_seconds)).isoformat(),
        "createdBy": f"{session.user} (console)",
        "comment": wanted.comment,
    }


def _errors(error: ValidationError) -> list[dict[str, str]]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        {"pointer": "/".join(["#", *(str(part)[:50] for part in one["loc"])]), "detail": one["msg"]}
        for one in found[:20]
    ]
