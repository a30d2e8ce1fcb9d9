"""The client's job has the fields of the gateway's."""

from __future__ import annotations

from importlib import import_module

import pytest
from kinolog_gateway.responses.job import JobDetail
from kinolog_gateway.responses.job_parts import JobLinks
from pydantic import BaseModel

from kinolog_client import JobInfo
from tests.client_job import MODULE, PARTS, REQUIRED, job_fields

NOT_READ: dict[type[BaseModel], set[str]] = {JobLinks: {"status", "storyboard", "events", "logs", "result"}}
"""Fields of a part that the client does not read: it has a method for each of these paths."""


def test_the_module_is_up_to_date() -> None:
    """The module is what `python -m tests.client_job` writes."""
    assert MODULE.read_text(encoding="utf-8") == job_fields()


def test_a_job_has_every_field_of_the_gateway() -> None:
    """Nothing that the gateway says about a job is lost, and nothing is there that it never says."""
    assert set(JobInfo.model_fields) == set(JobDetail.model_fields)


def test_a_gateway_may_lack_fields() -> None:
    """A job is read from the fields that every version of the gateway sends, and all others have defaults."""
    least = dict.fromkeys(REQUIRED, "queued") | dict.fromkeys(
        ("created_at", "updated_at"), "2026-11-22T15:00:00Z"
    )
    assert JobInfo.model_validate(least).model_fields_set == set(REQUIRED)


@pytest.mark.parametrize("view", PARTS)
def test_a_part_has_every_field_of_the_gateway(view: type[BaseModel]) -> None:
    """The client's models of parts are written by hand. Each has the fields of the gateway's."""
    model = getattr(import_module("kinolog_client.models.job_parts"), PARTS[view])
    assert set(model.model_fields) == set(view.model_fields) - NOT_READ.get(view, set())
