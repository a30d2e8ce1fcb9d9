"""Events of the log as CloudEvents 1.0, one JSON object a line (https://cloudevents.io)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from kinolog.codec.plain_fields import json_values
from kinolog.v1 import export_service_pb2 as pb
from kinolog_gateway.enum_names import to_datetime

MEDIA_TYPE = "application/x-ndjson"
TYPE_PREFIX = "kinolog.job."
KEEP_ALIVE = "\n"
"""Sent while no commit matches, so that the connection stays open. Readers of JSON Lines pass over empty lines."""


def event_lines(source: str, exported: pb.ExportedCommit) -> Iterator[str]:
    """Yield a line for each event of a commit.

    The id is position and index of the event, so it is the same in every export. Numbers that may be greater than the
    integers of CloudEvents (32 bits) are texts there.
    """
    commit, count = exported.commit, len(exported.commit.events)
    for index, event in enumerate(commit.events):
        kind = event.WhichOneof("kind") or "unknown"
        data: dict[str, Any] = json_values(getattr(event, kind)) if kind != "unknown" else {}
        line: dict[str, Any] = {
            "specversion": "1.0",
            "id": f"{commit.position}-{index}",
            "source": source,
            "type": TYPE_PREFIX + kind,
            "subject": exported.job_id,
            "time": _text(to_datetime(event.at)),
            "datacontenttype": "application/json",
            "recordedtime": _text(to_datetime(commit.at)),
            "sequence": f"{commit.position:020d}.{index:05d}",
            "position": str(commit.position),
            "eventindex": index,
            "jobversion": commit.version - count + index + 1,
            "tenant": exported.tenant,
            "actor": commit.command.actor,
            "command": commit.command.name,
            "commandid": commit.command.id,
            "commithash": commit.hash,
        }
        if exported.texts:
            line["unsealed"] = True
            data["texts"] = dict(exported.texts[index].texts)
            if unreadable := list(exported.texts[index].unreadable):
                data["unreadable_texts"] = unreadable
        line["data"] = data
        yield json.dumps(_present(line), ensure_ascii=False, separators=(",", ":"), default=_text) + "\n"


def _present(line: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes without empty ones, which CloudEvents does not have."""
    return {name: value for name, value in line.items() if value not in ("", None)}


def _text(time: datetime | None) -> str:
    return "" if time is None else time.isoformat().replace("+00:00", "Z")
