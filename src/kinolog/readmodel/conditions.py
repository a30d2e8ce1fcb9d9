"""Filters as conditions on tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, or_, select

from kinolog.job.values import Priority, Status
from kinolog.ports.read_model import JobFilter
from kinolog.readmodel.tables import jobs, prompts

Condition = ColumnElement[bool]


def urgency_of(priority: Priority) -> int:
    """0 for low to 3 for critical: what `priority` is ordered by."""
    return 3 - priority.rank


def kind_conditions(table: FromClause, wanted: JobFilter, *, statuses: bool = True) -> list[Condition]:
    """Conditions on status, priority, model and style, for `jobs` and `counters` alike."""
    columns = table.c
    conditions: list[Condition] = []
    if statuses and wanted.statuses and not wants_every_status(wanted):
        conditions.append(_one_of(columns.status, [status.value for status in wanted.statuses]))
    if wanted.priorities:
        conditions.append(_one_of(columns.urgency, [urgency_of(p) for p in wanted.priorities]))
    if wanted.models:
        conditions.append(_one_of(columns.model, wanted.models))
    if wanted.styles:
        conditions.append(_one_of(columns.style, wanted.styles))
    return conditions


def wants_every_status(wanted: JobFilter) -> bool:
    """Whether the filter leaves no status out."""
    return not wanted.statuses or set(wanted.statuses) == set(Status)


def date_conditions(wanted: JobFilter) -> list[Condition]:
    """Conditions on the time of submission."""
    conditions: list[Condition] = []
    if wanted.created_from is not None:
        conditions.append(jobs.c.created_at >= wanted.created_from)
    if wanted.created_before is not None:
        conditions.append(jobs.c.created_at < wanted.created_before)
    return conditions


def text_condition(text: str) -> Condition:
    """The text is part of the prompt or the id, in any case."""
    return or_(
        prompts.c.prompt.icontains(text, autoescape=True),
        prompts.c.job_id.contains(text.lower(), autoescape=True),
    )


def of_jobs(tenant: str, wanted: JobFilter, *, statuses: bool = True) -> list[Condition]:
    """All conditions on `jobs`; a text is looked for in `prompts` of the same tenant."""
    conditions = [
        jobs.c.tenant == tenant,
        *kind_conditions(jobs, wanted, statuses=statuses),
        *date_conditions(wanted),
    ]
    if wanted.text:
        found = select(prompts.c.job_id).where(
            prompts.c.job_id == jobs.c.id, prompts.c.tenant == tenant, text_condition(wanted.text)
        )
        conditions.append(found.exists())
    return conditions


def _one_of(column: ColumnElement[Any], values: Sequence[Any]) -> Condition:
    return column == values[0] if len(values) == 1 else column.in_(values)
