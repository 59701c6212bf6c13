"""Refusing a large body that is wrong throughout costs no more than refusing a small one."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from broker.rio.admin.app import ROUTERS
from broker.rio.model.policy import Policy
from broker.rio.model.subscription_parser import read_subscription
from observability.http.problem import Problem

MANY = 10_000
MOST_ERRORS = 1000
ITEMS = [None] * MANY
MEMBERS = {f"unknown-{number}": None for number in range(MANY)}


def bodies() -> Iterator[type[BaseModel]]:
    """The models of all bodies that FastAPI validates, and of a subscription's `config`."""
    yield Policy
    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute) and route.body_field is not None:
                annotation = route.body_field.field_info.annotation
                yield from (
                    model
                    for model in (annotation, *getattr(annotation, "__args__", ()))
                    if isinstance(model, type) and issubclass(model, BaseModel)
                )


def large(model: type[BaseModel]) -> Iterator[dict[str, Any]]:
    """Documents with very many wrong items or unknown members, in each place that the model has."""
    yield MEMBERS
    for name, field in model.model_fields.items():
        for value in (ITEMS, MEMBERS):
            yield {field.alias or name: value}


@pytest.mark.parametrize("model", dict.fromkeys(bodies()))
def test_a_body_that_is_wrong_throughout_makes_few_errors(model: type[BaseModel]) -> None:
    for document in large(model):
        with pytest.raises(ValidationError) as refused:
            model.model_validate(document)
        assert refused.value.error_count() <= MOST_ERRORS, document.keys()


def test_a_subscription_of_unknown_members_makes_few_errors() -> None:
    with pytest.raises(Problem) as refused:
        read_subscription("many", {"types": ["a.b"], "sink": "/many/events", **MEMBERS})
    assert 0 < len(refused.value.errors) <= MOST_ERRORS
