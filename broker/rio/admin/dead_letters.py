"""Dead letters over REST: looked at, sent again, discarded."""

import base64
from typing import Annotated

import msgspec
from fastapi import Path, Query, Response
from pydantic import AfterValidator

from broker.cloudevents.json_format import shown_data
from broker.rio.admin.dead_letter_documents import (
    Letter,
    Letters,
    LettersQuery,
    Replayed,
    cursor_at,
    shown_letter,
)
from broker.rio.admin.paging import page_of
from broker.rio.admin.parts import ApiParts
from broker.rio.admin.resent_letters import log_discarded, replay_letter
from broker.rio.admin.route import resource
from broker.rio.admin.row_id import storable
from broker.rio.store.dead_letters import DeadLetterFilter
from observability.http.problem import Problem

LetterId = Annotated[int, Path(ge=0), AfterValidator(storable("Dead letter"))]

router = resource()


@router.get("/dead-letters", summary="List dead letters, newest first")
async def list_dead_letters(query: Annotated[LettersQuery, Query()], parts: ApiParts) -> Letters:
    found = await parts.stores.dead_letters.newest(query.letter_filter(), query.limit + 1)
    page, cursor = page_of(found, query.limit, lambda letter: cursor_at(letter.place))
    return Letters(items=[shown_letter(letter) for letter in page], next=cursor)


@router.get(
    "/dead-letters/{letter_id:digits}",
    summary="Look at a dead letter, with the event's data",
    response_model=Letter,
)
async def get_dead_letter(letter_id: LetterId, parts: ApiParts) -> Response:
    letter = await parts.stores.dead_letters.get(letter_id)
    if letter is None:
        raise Problem(404, "Dead letter not found")
    event = letter.message.event
    document = shown_letter(letter).model_dump(mode="json")
    # Beside the model, which cannot keep the digits of JSON's numbers.
    document["event"] |= {"data_base64": base64.b64encode(event.body).decode()}
    document["event"] |= shown_data(event.content_type, event.body)
    return Response(msgspec.json.encode(document), media_type="application/json")


@router.delete("/dead-letters/{letter_id:digits}", summary="Discard a dead letter", status_code=204)
async def discard_dead_letter(letter_id: LetterId, parts: ApiParts) -> None:
    async with parts.stores.dead_letters.lock(DeadLetterFilter((letter_id,)), 1) as locked:
        if not locked.letters:
            raise Problem(404, "Dead letter not found")
        await locked.remove(letter.id for letter in locked.letters)
    log_discarded(locked.letters)


@router.post(
    "/dead-letters/{letter_id:digits}/replay",
    summary="Send a dead letter again: into its subscription's queue, with all its attempts anew",
    status_code=202,
)
async def replay_dead_letter(letter_id: LetterId, parts: ApiParts) -> Replayed:
    letter = await replay_letter(parts.stores.dead_letters, parts.resending, letter_id)
    if letter is None:
        raise Problem(404, "Dead letter not found")
    return Replayed(id=letter.message.event.id, subscription=letter.subscription)
