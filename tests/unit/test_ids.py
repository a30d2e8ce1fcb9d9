"""Ids of requests that begin with their time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from kinolog.ids import is_recent, new_request_id
from kinolog_client.http import request_ids

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def test_a_new_request_id_is_a_uuid_of_version_7() -> None:
    """It has the form of RFC 9562, and differs each time."""
    made = new_request_id(NOW)
    assert (UUID(made).version, len(made)) == (7, 32)
    assert made != new_request_id(NOW)


@pytest.mark.parametrize(("age", "recent"), [(0, True), (4, True), (-4, True), (6, False), (-6, False)])
def test_an_id_is_recent_for_a_few_seconds(age: int, recent: bool) -> None:
    """Clocks may differ a little; with dashes or capitals it is the same id."""
    made = new_request_id(NOW - timedelta(seconds=age))
    assert is_recent(made, NOW) is recent
    assert is_recent(str(UUID(made)).upper(), NOW) is recent


@pytest.mark.parametrize(
    "request_id", ["order-1", "", "f72e333b3fc94d1c98a052001ae6721c", "0" * 32, "nightly-2026-11-22"]
)
def test_other_ids_are_not_recent(request_id: str) -> None:
    """An id without a time states nothing."""
    assert not is_recent(request_id, NOW)


def test_the_clients_ids_are_recognised() -> None:
    """The client has a function of its own, which makes the same ids."""
    assert is_recent(request_ids.new_request_id(), datetime.now(UTC))
