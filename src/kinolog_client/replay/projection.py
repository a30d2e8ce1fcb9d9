"""The interface of a projection of your own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

from kinolog_client.replay.job_events import JobEvent
from kinolog_client.replay.replayed_commit import ReplayedCommit

JsonValue: TypeAlias = Mapping[str, "JsonValue"] | Sequence["JsonValue"] | str | int | float | bool | None


class Projection(ABC):
    """What is computed of the commits of the log, in their order. Subclass it once in a file of your own.

    `kinolog replay --with FILE` makes one object of the class without arguments, calls `apply` with each commit, and
    prints or saves the `result`.
    """

    events: ClassVar[tuple[type[JobEvent], ...]] = ()
    """The events that it needs. Others are left out, and reading is faster. Empty for all events."""

    @abstractmethod
    def apply(self, commit: ReplayedCommit) -> None:
        """Take the next commit."""

    @abstractmethod
    def result(self) -> Iterable[Mapping[str, Any]] | str | bytes:
        """Return what was computed: rows, which become a table, CSV or JSON Lines; a text; or the bytes of a file."""

    def state(self) -> JsonValue:
        """Return all that it remembers as JSON values, for `--state`: a later replay goes on from there."""
        raise NotImplementedError

    def load(self, state: Any) -> None:
        """Take what `state` returned, on a new object, after it went through JSON: tuples are lists, keys are texts."""
        raise NotImplementedError
