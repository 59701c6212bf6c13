"""The addresses of stores that can be reached, and nothing beside them."""

import re

import pytest

from observability.console.store_addresses import ADDRESSES, StoreAddress

#: Parts of paths that change something, or show secrets, at one of the stores.
#: Alertmanager's `status` has its configuration, and the addresses of receivers in it.
FORBIDDEN = (
    "admin", "reload", "quit", "delete", "push", "secret", "config", "status", "flags", "debug", "ring",
)  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda address: address.pattern)
def test_no_address_leads_where_something_is_changed(address: StoreAddress) -> None:
    assert not set(FORBIDDEN) & set(re.split(r"[/._-]", address.path))
    assert address.path.startswith("/")
    assert address.path.count("{}") == re.compile(address.pattern).groups


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda address: address.pattern)
def test_no_value_of_a_path_leads_out_of_it(address: StoreAddress) -> None:
    pattern = re.compile(address.pattern)
    for value in ("..", "../admin", "a/b", "a?b=c", "a#b", "a%2fb", "%2e%2e", "", " ", "a\nb", "é", "{}"):
        filled = re.sub(r"\([^)]*\)", lambda _: value, address.pattern)  # noqa: B023 - used at once
        if filled != address.pattern:
            assert not pattern.fullmatch(filled), value


def test_patterns_lead_to_one_address_each() -> None:
    assert len({address.pattern for address in ADDRESSES}) == len(ADDRESSES)


def test_a_parameter_that_the_console_adds_is_not_the_pages_to_give() -> None:
    for address in ADDRESSES:
        assert not address.parameters & address.fixed.keys()
