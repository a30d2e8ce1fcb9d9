"""A question about reads, and its language: `actor=alice since=7d kind=file`. docs/audit-reads.md has the fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kinolog.event_query.words import (
    Word,
    checked_addresses,
    checked_job_ids,
    known_names,
    written_conditions,
)
from kinolog.reads.read import ReadKind


class ReadField(StrEnum):
    """What a condition compares. The value is the word in the language."""

    ACTOR = "actor"
    KEY = "key"
    ADDRESS = "address"
    CLIENT = "client"
    KIND = "kind"
    METHOD = "method"
    JOB = "job"
    OUTCOME = "outcome"


FIELDS = ("tenant", *ReadField, "since", "until")
"""The words before an operator."""

_EXAMPLES = dict.fromkeys(FIELDS, "NAME") | {
    "actor": "alice",
    "address": "192.0.2.7",
    "client": "curl",
    "kind": "file",
    "method": "ReadArtifact",
    "outcome": "ok",
    "since": "7d",
    "until": "2026-11-01",
    "job": "ID",
    "key": "ID",
}


@dataclass(frozen=True, slots=True)
class ReadCondition:
    """A read has one of the values in the field; with `excludes`, none of them."""

    field: ReadField
    values: tuple[str, ...]
    excludes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadQuery:
    """Reads that meet every condition. `tenant` is empty for that of the caller.

    Of equal reads `since`, which is inclusive, is compared with the last, and `until`, which is not, with the first.
    """

    conditions: tuple[ReadCondition, ...] = ()
    tenant: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def address_conditions(self) -> tuple[ReadCondition, ...]:
        """The conditions about addresses, which the record has sealed."""
        return tuple(one for one in self.conditions if one.field is ReadField.ADDRESS)


def parse_read_query(text: str, now: datetime) -> ReadQuery:
    """Return what a question asks for; `now` is what `7d` counts back from. Raises `InvalidQuery`."""
    conditions: list[ReadCondition] = []
    tenant, since, until = "", None, None
    for written in written_conditions(text, FIELDS, _EXAMPLES):
        written.check_equality()
        match written.name:
            case "tenant":
                tenant = written.tenant(tenant)
            case "since":
                at = written.time(now, _EXAMPLES["since"])
                since = at if since is None else max(since, at)
            case "until":
                at = written.time(now, _EXAMPLES["until"])
                until = at if until is None else min(until, at)
            case name:
                field = ReadField(name)
                check = _CHECKS.get(field)
                values = check(written.word, written.values) if check else written.values
                conditions.append(ReadCondition(field, values, written.excludes))
    return ReadQuery(conditions=tuple(conditions), tenant=tenant, since=since, until=until)


def _kinds(word: Word, values: tuple[str, ...]) -> tuple[str, ...]:
    return known_names(word, values, tuple(ReadKind), "kind of read")


_CHECKS: dict[ReadField, Callable[[Word, tuple[str, ...]], tuple[str, ...]]] = {
    ReadField.ADDRESS: checked_addresses,
    ReadField.KIND: _kinds,
    ReadField.JOB: checked_job_ids,
}
