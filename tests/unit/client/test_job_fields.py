"""The client's job has the fields of the gateway's."""

from __future__ import annotations

from pathlib import Path

import pytest
from kinolog_gateway.responses.job import JobDetail
from kinolog_gateway.responses.job_parts import ArtifactView, JobLinks
from pydantic import BaseModel

from kinolog_client import JobInfo
from kinolog_client.models import job_parts
from tests.client_job import MODULE, PARTS, REQUIRED, client_type, job_fields

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


def differences(view: type[BaseModel], model: type[BaseModel]) -> dict[str, tuple[object, object]]:
    """Return the fields whose types differ, with that of the gateway and that of the client; None is a missing field.

    The client may read None where the gateway never says it: one of an earlier version may.
    """
    own = {getattr(job_parts, name): name for name in PARTS.values()}
    said = {
        name: client_type(field.annotation)
        for name, field in view.model_fields.items()
        if name not in NOT_READ.get(view, ())
    }
    read = {name: client_type(field.annotation, own) for name, field in model.model_fields.items()}
    return {
        name: (said.get(name), read.get(name))
        for name in said.keys() | read.keys()
        if name not in said or name not in read or read[name] not in (said[name], (said[name][0], True))
    }


@pytest.mark.parametrize("view", PARTS)
def test_a_part_has_every_field_of_the_gateway(view: type[BaseModel]) -> None:
    """The client's models of parts are written by hand. Each has the fields of the gateway's, with their types."""
    assert differences(view, getattr(job_parts, PARTS[view])) == {}


def test_a_part_with_other_types_is_noticed() -> None:
    """A field of another type is found, also one that cannot be None although the gateway says so, and one too many."""

    class WrongArtifact(job_parts.ArtifactInfo):
        """Two wrong types and a field of its own; what may be None besides is right."""

        size_bytes: str  # type: ignore[assignment]  # wrong on purpose
        signed_by: str
        key: str | None  # type: ignore[assignment]  # right: the client may read more
        colour: str

    assert differences(ArtifactView, WrongArtifact) == {
        "size_bytes": (("int", False), ("str", False)),
        "signed_by": (("str", True), ("str", False)),
        "colour": (None, ("str", False)),
    }


def test_make_keeps_the_module_up_to_date() -> None:
    """`make gen` writes the module, and `make verify` fails if that changes it."""
    root = Path(__file__).parents[3]
    recipes = (root / "Makefile").read_text(encoding="utf-8").split("\n\n")
    (gen,) = (recipe for recipe in recipes if recipe.startswith("gen:"))
    (verify,) = (recipe for recipe in recipes if recipe.startswith("verify: gen"))
    assert "-m tests.client_job" in gen
    assert MODULE.relative_to(root).as_posix() in verify
