"""A question about commits, as it is understood: conditions that a commit must all meet."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class QueryField(StrEnum):
    """What a condition compares. The value is the word in the language."""

    ACTOR = "actor"
    KEY = "key"
    ADDRESS = "address"
    CLIENT = "client"
    COMMAND = "command"
    EVENT = "event"
    ERROR = "error"
    MODEL = "model"
    REVISION = "revision"
    LORA = "lora"
    UPSCALER = "upscaler"
    WORKER = "worker"
    JOB = "job"


@dataclass(frozen=True, slots=True)
class Condition:
    """A commit has one of the values in the field; with `excludes`, none of them."""

    field: QueryField
    values: tuple[str, ...]
    excludes: bool = False

    def holds(self, facts: Collection[CommitFact]) -> bool:
        """Return whether a commit with these facts meets the condition."""
        return any((self.field, value) in facts for value in self.values) is not self.excludes


CommitFact = tuple[QueryField, str]
"""A value that a commit has in a field. It may have several in one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Commits that meet every condition. `tenant` is empty for that of the caller.

    `since` is inclusive, `until` exclusive; positions are inclusive.
    """

    conditions: tuple[Condition, ...] = ()
    tenant: str = ""
    since: datetime | None = None
    until: datetime | None = None
    first_position: int = 1
    last_position: int | None = None

    @property
    def addresses(self) -> frozenset[str]:
        """The addresses that conditions name."""
        return frozenset(
            value for one in self.conditions if one.field is QueryField.ADDRESS for value in one.values
        )

    def matches(self, facts: Collection[CommitFact], at: datetime, position: int) -> bool:
        """Return whether a commit is one of those that the query asks for."""
        return (
            (self.since is None or at >= self.since)
            and (self.until is None or at < self.until)
            and position >= self.first_position
            and (self.last_position is None or position <= self.last_position)
            and all(one.holds(facts) for one in self.conditions)
        )
