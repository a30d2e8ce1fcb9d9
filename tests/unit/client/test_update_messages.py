"""Updates give back the message of the WebSocket, field for field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kinolog_client import JobInfo, PreviewReceived, parse_update
from kinolog_client.live.updates import update_of_job

JOB = "a" * 26
AT = "2026-11-22T15:00:07.250000Z"
DOCUMENT = Path(__file__).parents[3] / "docs" / "asyncapi.yaml"
SCHEMAS: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))["components"]["schemas"]
NO_UPDATE = {"pong", "ping", "subscribe", "unsubscribe"}
EXAMPLES: dict[str, Any] = {
    "boolean": True,
    "integer": 3,
    "number": 2.5,
    "array": [],
    "object": {"torch": "2"},
}


def message_types() -> dict[str, Any]:
    """Schemas of the messages that are updates, by their type."""
    found = {
        schema["properties"]["type"]["const"]: schema
        for schema in SCHEMAS.values()
        if "const" in schema.get("properties", {}).get("type", {})
    }
    return {kind: schema for kind, schema in found.items() if kind not in NO_UPDATE}


def example(schema: dict[str, Any]) -> Any:
    """A value of a schema, with every field and no null where there is another choice."""
    if "$ref" in schema:
        return example(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return example(schema["anyOf"][0])
    if "const" in schema or "enum" in schema:
        return schema.get("const") or schema["enum"][0]
    if "properties" in schema:
        return {name: example(field) for name, field in schema["properties"].items()}
    if schema["type"] == "array":
        return [example(schema["items"])]
    if schema["type"] == "string":
        return AT if schema.get("format") == "date-time" else "aGVsbG8="
    return EXAMPLES[schema["type"]]


@pytest.mark.parametrize("kind", sorted(message_types()))
def test_an_update_gives_back_its_message(kind: str) -> None:
    """Every field of the AsyncAPI document, and those that this version does not know, are in `to_json`."""
    message = example(message_types()[kind]) | {"later": 1}
    message["data"]["later"] = {"unknown": True}
    update = parse_update(message)
    assert update is not None
    assert update.to_json() == message
    for field in message["data"]:  # each is read, too
        holder = next(
            (getattr(update, name) for name in ("state", "line", "counts") if hasattr(update, name)), update
        )
        assert field == "later" or hasattr(holder, field), field


def test_a_preview_has_its_time() -> None:
    """The time of a preview is read, and is in its JSON also if the update was built by hand."""
    read = parse_update(example(message_types()["job_preview"]))
    assert isinstance(read, PreviewReceived)
    assert read.at is not None
    assert (read.image, read.at.year) == (b"hello", 2026)
    facts = {name: getattr(read, name) for name in ("position", "job_id", "attempt", "scene", "step", "at")}
    built = PreviewReceived(**facts, media_type=read.media_type, image=read.image)
    assert built == read
    assert built.to_json() == read.to_json()


@pytest.mark.parametrize("status", ["processing", "completed"])
def test_a_job_of_rest_has_the_form_of_a_message(status: str) -> None:
    """The first update of a watch comes over REST and has the fields of the AsyncAPI document."""
    detail = example(SCHEMAS["JobDetail"]) | {"status": status}
    sent = update_of_job(JobInfo.model_validate(detail)).to_json()
    kind = "job_completed" if status == "completed" else "job_status_update"
    assert sent["type"] == kind
    assert set(sent) == set(message_types()[kind]["properties"])
    assert set(sent["data"]) == set(SCHEMAS["JobData"]["required"])
    assert sent["data"]["job"] == detail
