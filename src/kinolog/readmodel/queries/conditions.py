"""Filters as conditions on tables, and the values that go into them.

The shape of a filter says which fields narrow it and whether they hold one value or several; filters of one shape
share their statements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, FromClause, SmallInteger, Text, any_, bindparam, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from kinolog.job.values import Priority, Status
from kinolog.ports.read_model import JobFilter
from kinolog.readmodel import trigrams
from kinolog.readmodel.counter_cells import EVERY_URGENCY
from kinolog.readmodel.tables import counters, jobs, prompts

Condition = ColumnElement[bool]

NONE, ONE, MANY = 0, 1, 2
"""How many values a field holds."""

SHORT, LONG = 1, 2
"""Whether a text has grams, by which an index finds it."""


@dataclass(frozen=True, slots=True)
class FilterShape:
    """Which fields narrow a filter. `statuses` is 0 where none is left out."""

    statuses: int
    urgencies: int
    models: int
    styles: int
    created_from: bool
    created_before: bool
    text: int

    @property
    def dated(self) -> bool:
        """Whether the time of submission matters."""
        return self.created_from or self.created_before

    @property
    def of_kinds_only(self) -> FilterShape:
        """The shape without dates and text: what counters can tell."""
        return replace(self, created_from=False, created_before=False, text=NONE)


def shape_of(wanted: JobFilter) -> FilterShape:
    """The shape of a filter."""
    return FilterShape(
        statuses=0 if set(wanted.statuses) == set(Status) else len(set(wanted.statuses)),
        urgencies=min(len(wanted.priorities), MANY),
        models=min(len(wanted.models), MANY),
        styles=min(len(wanted.styles), MANY),
        created_from=wanted.created_from is not None,
        created_before=wanted.created_before is not None,
        text=NONE if not wanted.text else LONG if len(wanted.text.lower()) >= trigrams.LENGTH else SHORT,
    )


def values_of(tenant: str, wanted: JobFilter) -> dict[str, Any]:
    """The values that a filter's statements name."""
    statuses = [status.value for status in dict.fromkeys(wanted.statuses)]
    urgencies = [urgency_of(priority) for priority in wanted.priorities]
    text = wanted.text.replace("\0", "\ufffd")
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return {
        "tenant": tenant,
        **{f"status_{place}": status for place, status in enumerate(statuses)},
        **_one_and_all("status", statuses),
        **_one_and_all("urgency", urgencies),
        **_one_and_all("model", wanted.models),
        **_one_and_all("style", wanted.styles),
        "created_from": wanted.created_from,
        "created_before": wanted.created_before,
        "pattern": f"%{escaped}%",
        "id_pattern": f"%{escaped.lower()}%",
        "grams": sorted(trigrams.trigrams(text)),
    }


def urgency_of(priority: Priority) -> int:
    """0 for low to 3 for critical: what `priority` is ordered by."""
    return 3 - priority.rank


def kind_conditions(table: FromClause, shape: FilterShape, *, statuses: bool = True) -> list[Condition]:
    """Conditions on tenant, status, priority, model and style."""
    columns = table.c
    conditions: list[Condition] = [columns.tenant == bindparam("tenant", type_=Text())]
    if statuses:
        conditions += _matches(columns.status, "status", shape.statuses)
    conditions += _matches(columns.urgency, "urgency", shape.urgencies)
    conditions += _matches(columns.model, "model", shape.models)
    conditions += _matches(columns.style, "style", shape.styles)
    return conditions


def counter_conditions(shape: FilterShape) -> list[Condition]:
    """The same on `counters`: on those that do not tell urgencies apart, where the filter does not either."""
    conditions = kind_conditions(counters, shape)
    if not (shape.urgencies or shape.models or shape.styles):
        conditions.append(counters.c.urgency == EVERY_URGENCY)
    elif not shape.urgencies:
        every = [urgency_of(priority) for priority in Priority]
        conditions.append(counters.c.urgency == any_(literal(every, ARRAY(SmallInteger()))))
    return conditions


def job_conditions(shape: FilterShape, *, statuses: bool = True) -> list[Condition]:
    """All conditions on `jobs`; a text is looked for in `prompts`."""
    conditions = kind_conditions(jobs, shape, statuses=statuses)
    if shape.created_from:
        conditions.append(jobs.c.created_at >= bindparam("created_from", type_=jobs.c.created_at.type))
    if shape.created_before:
        conditions.append(jobs.c.created_at < bindparam("created_before", type_=jobs.c.created_at.type))
    if shape.text:
        found = select(prompts.c.job_id).where(prompts.c.job_id == jobs.c.id, *text_conditions(shape))
        conditions.append(found.exists())
    return conditions


def text_conditions(shape: FilterShape) -> list[Condition]:
    """The text is part of the prompt, in any case, or of the id."""
    conditions: list[Condition] = [
        prompts.c.tenant == bindparam("tenant", type_=Text()),
        or_(
            prompts.c.prompt.ilike(bindparam("pattern", type_=Text())),
            prompts.c.job_id.like(bindparam("id_pattern", type_=Text())),
        ),
    ]
    if shape.text == LONG:
        conditions.append(prompts.c.grams.contains(bindparam("grams", type_=prompts.c.grams.type)))
    return conditions


def one_status(place: int) -> Condition:
    """The job has the status at this place of the filter."""
    return jobs.c.status == bindparam(f"status_{place}", type_=Text())


def _matches(column: ColumnElement[Any], name: str, count: int) -> list[Condition]:
    if count == NONE:
        return []
    if count == ONE:
        return [column == bindparam(f"one_{name}", type_=column.type)]
    kind = Text() if isinstance(column.type, Text) else column.type
    return [column == any_(bindparam(f"all_{name}", type_=ARRAY(kind)))]


def _one_and_all(name: str, values: Sequence[Any]) -> dict[str, Any]:
    return {f"one_{name}": values[0] if values else None, f"all_{name}": list(values)}
