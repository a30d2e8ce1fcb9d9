"""The rows that a batch produces, before they are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from kinolog.readmodel.tables import Row
from kinolog_projector.projection.counter_changes import CounterChanges


@dataclass(slots=True)
class JobTableRows:
    """Rows of the tables that hold jobs and their parts. Fields have the names of the tables."""

    jobs: list[Row] = field(default_factory=list)
    prompts: list[Row] = field(default_factory=list)
    prompt_trigrams: list[Row] = field(default_factory=list)
    scenes: list[Row] = field(default_factory=list)
    stages: list[Row] = field(default_factory=list)
    attempts: list[Row] = field(default_factory=list)
    artifacts: list[Row] = field(default_factory=list)

    def by_table(self) -> Iterator[tuple[str, list[Row]]]:
        """Yield the name of each table with its rows."""
        for table in fields(self):
            yield table.name, getattr(self, table.name)


@dataclass(slots=True, kw_only=True)
class WorkerTotals:
    """What a batch adds to a row of `workers`. Fields have the names of the columns."""

    worker: str
    hardware: str
    first_position: int
    last_position: int
    attempts: int = 0
    completed: int = 0
    failed: int = 0

    def row(self) -> Row:
        """Return the row to add."""
        return {column.name: getattr(self, column.name) for column in fields(self)}


@dataclass(slots=True)
class ProjectedRows:
    """Rows of all tables of a projection, separate for jobs that are new to it and for known ones.

    `erased` has the number of each known job that the batch erases, by id. `ended_spells` has the position at which a
    spell of an earlier batch ended, by the number of its job.
    """

    new: JobTableRows = field(default_factory=JobTableRows)
    known: JobTableRows = field(default_factory=JobTableRows)
    erased: dict[str, int] = field(default_factory=dict)
    activity: list[Row] = field(default_factory=list)
    commit_index: list[Row] = field(default_factory=list)
    commit_times: list[Row] = field(default_factory=list)
    job_spells: list[Row] = field(default_factory=list)
    ended_spells: dict[int, int] = field(default_factory=dict)
    workers: dict[str, WorkerTotals] = field(default_factory=dict)
    counter_changes: CounterChanges = field(default_factory=CounterChanges)

    def worker_rows(self) -> list[Row]:
        """Return the rows to add to `workers`."""
        return [totals.row() for totals in self.workers.values()]
