"""Arguments of exports: a selection of commits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitSelection:
    """Which commits of the log. A commit must match every field that is given.

    Positions are included at both ends. `since` is included, `until` is not; both need an offset from UTC. Without a
    `tenant` it is that of your key; `*` is every tenant.
    """

    job_id: str = ""
    first_position: int | None = None
    last_position: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    actor: str = ""
    tenant: str = ""

    def params(self) -> dict[str, str]:
        """Return the parameters of a query, without those that are empty."""
        values = {
            "job": self.job_id,
            "from": "" if self.first_position is None else str(self.first_position),
            "to": "" if self.last_position is None else str(self.last_position),
            "since": "" if self.since is None else self.since.isoformat(),
            "until": "" if self.until is None else self.until.isoformat(),
            "actor": self.actor,
            "tenant": self.tenant,
        }
        return {name: value for name, value in values.items() if value}


def bundle_params(
    selection: CommitSelection, files: bool, prompts: bool, earlier_sizes: Iterable[int]
) -> dict[str, str]:
    """Return the parameters of a query for a bundle."""
    asked = {"files": "true" if files else "", "prompts": "true" if prompts else ""}
    asked["earlier_size"] = ",".join(map(str, earlier_sizes))
    return selection.params() | {name: value for name, value in asked.items() if value}
