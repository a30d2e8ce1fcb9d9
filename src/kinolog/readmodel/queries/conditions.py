"""Filters as conditions on tables, and the values of their parameters.

The shape of a filter is which fields narrow it and whether each has one value or several. Filters of one shape share
their statements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    SmallInteger,
    Text,
    any_,
    bindparam,
    case,
    false,
    literal,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from kinolog.job.values import Status
from kinolog.ports.read_model import JobFilter
from kinolog.readmodel import trigrams
from kinolog.readmodel.priority_order import ALL_PRIORITIES, PRIORITY_ORDERS, priority_order
from kinolog.readmodel.tables import counters, jobs, own_trigrams, prompts

Condition = ColumnElement[bool]

TENANT = bindparam("tenant", type_=Text())

NONE, ONE, MANY = 0, 1, 2
"""How many values a field has."""

SHORT, LONG, COMMON = 1, 2, 3
"""Whether a text has trigrams, by which an index finds it, and whether so many prompts have them that none is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterShape:
    """Which fields narrow a filter. `statuses` is their number, 0 where no status is left out."""

    statuses: int
    priorities: int
    models: int
    styles: int
    created_from: bool
    created_before: bool
    text: int
    variant_of: bool = False
    startable: bool = False
    paused: bool | None = None
    erased: bool | None = None

    @property
    def has_dates(self) -> bool:
        """Whether the filter limits the time of submission."""
        return self.created_from or self.created_before

    @property
    def of_kinds_only(self) -> FilterShape:
        """The shape with what counters know alone: statuses, priorities, models and styles."""
        return FilterShape(
            statuses=self.statuses,
            priorities=self.priorities,
            models=self.models,
            styles=self.styles,
            created_from=False,
            created_before=False,
            text=NONE,
        )


def shape_of(job_filter: JobFilter) -> FilterShape:
    """Return the shape of a filter."""
    statuses = set(job_filter.statuses)
    text = job_filter.text
    return FilterShape(
        statuses=0 if statuses == set(Status) else len(statuses),
        priorities=min(len(job_filter.priorities), MANY),
        models=min(len(job_filter.models), MANY),
        styles=min(len(job_filter.styles), MANY),
        created_from=job_filter.created_from is not None,
        created_before=job_filter.created_before is not None,
        text=NONE if not text else LONG if len(text.lower()) >= trigrams.LENGTH else SHORT,
        variant_of=job_filter.variant_of != "",
        startable=job_filter.startable_at is not None,
        paused=job_filter.paused,
        erased=job_filter.erased,
    )


def values_of(tenant: str, job_filter: JobFilter) -> dict[str, Any]:
    """Return the values of the parameters in a filter's statements."""
    statuses = [status.value for status in dict.fromkeys(job_filter.statuses)]
    priorities = [priority_order(priority) for priority in job_filter.priorities]
    text = job_filter.text.replace("\0", "\ufffd")
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return {
        "tenant": tenant,
        **{f"status_{index}": status for index, status in enumerate(statuses)},
        **_one_and_all("status", statuses),
        **_one_and_all("priority", priorities),
        **_one_and_all("model", job_filter.models),
        **_one_and_all("style", job_filter.styles),
        "created_from": job_filter.created_from,
        "created_before": job_filter.created_before,
        "pattern": f"%{escaped}%",
        "id_pattern": f"%{escaped.lower()}%",
        "trigrams": sorted(trigrams.trigrams(text)),
        "variant_of": job_filter.variant_of,
        "startable_at": job_filter.startable_at,
    }


def kind_conditions(table: FromClause, shape: FilterShape, *, statuses: bool = True) -> list[Condition]:
    """Return conditions on tenant, status, priority, model and style."""
    columns = table.c
    conditions: list[Condition] = [columns.tenant == TENANT]
    if statuses:
        conditions += _matches(columns.status, "status", shape.statuses)
    conditions += _matches(columns.urgency, "priority", shape.priorities)
    conditions += _matches(columns.model, "model", shape.models)
    conditions += _matches(columns.style, "style", shape.styles)
    return conditions


def counter_conditions(shape: FilterShape) -> list[Condition]:
    """Return the same conditions on `counters`, using those of all priorities where the filter allows it."""
    conditions = kind_conditions(counters, shape)
    if not (shape.priorities or shape.models or shape.styles):
        conditions.append(counters.c.urgency == ALL_PRIORITIES)
    elif not shape.priorities:
        each = literal(list(PRIORITY_ORDERS), ARRAY(SmallInteger()))
        conditions.append(counters.c.urgency == any_(each))
    return conditions


def job_conditions(shape: FilterShape, *, statuses: bool = True) -> list[Condition]:
    """Return all conditions on `jobs`; a text is searched in the prompts."""
    conditions = kind_conditions(jobs, shape, statuses=statuses)
    if shape.created_from:
        conditions.append(jobs.c.created_at >= bindparam("created_from", type_=jobs.c.created_at.type))
    if shape.created_before:
        conditions.append(jobs.c.created_at < bindparam("created_before", type_=jobs.c.created_at.type))
    if shape.variant_of:
        # The second condition is that of the index, for plans that do not know the value.
        conditions += [
            jobs.c.variant_of == bindparam("variant_of", type_=Text()),
            jobs.c.variant_of != literal_column("''"),
        ]
    if shape.startable:
        startable_at = bindparam("startable_at", type_=jobs.c.queued_at.type)
        conditions += [
            jobs.c.status == literal_column("'queued'"),
            jobs.c.paused_at.is_(None),
            jobs.c.queued_at <= startable_at,
        ]
    if shape.paused is not None:
        conditions.append(jobs.c.paused_at.is_not(None) if shape.paused else jobs.c.paused_at.is_(None))
    if shape.erased is not None:
        conditions.append(jobs.c.erased.is_(shape.erased))
    if shape.text:
        conditions.append(text_matches(shape, prompts.c.number == jobs.c.number).exists())
    return conditions


def text_matches(shape: FilterShape, *conditions: Condition) -> Select[tuple[str]]:
    """Select the ids of the tenant's jobs whose prompt or id contains the text, narrowed by further conditions."""
    contains = contains_text()
    if shape.text == COMMON:
        # The planner expects half of all rows to meet a CASE, and hardly any to contain a text.
        contains = case((contains, true()), else_=false())
    matches = select(prompts.c.job_id).where(prompts.c.tenant == TENANT, contains, *conditions)
    if shape.text == LONG:
        grams = own_trigrams.c.grams
        matches = matches.join(own_trigrams, own_trigrams.c.number == prompts.c.number).where(
            grams.contains(bindparam("trigrams", type_=grams.type))
        )
    return matches


def contains_text() -> Condition:
    """Return the condition on `prompts` that the text is part of the prompt, in any case, or of the id."""
    return or_(
        prompts.c.prompt.ilike(bindparam("pattern", type_=Text())),
        prompts.c.job_id.like(bindparam("id_pattern", type_=Text())),
    )


def one_status(index: int) -> Condition:
    """Return the condition that a job has the status at this index of the filter."""
    return jobs.c.status == bindparam(f"status_{index}", type_=Text())


def _matches(column: ColumnElement[Any], name: str, count: int) -> list[Condition]:
    if count == NONE:
        return []
    if count == ONE:
        return [column == bindparam(f"one_{name}", type_=column.type)]
    element = Text() if isinstance(column.type, Text) else column.type
    return [column == any_(bindparam(f"all_{name}", type_=ARRAY(element)))]


def _one_and_all(name: str, values: Sequence[Any]) -> dict[str, Any]:
    return {f"one_{name}": values[0] if values else None, f"all_{name}": list(values)}
