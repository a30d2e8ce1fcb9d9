"""Events of an export as a Parquet file: one row for each event, with typed columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO

import pyarrow
from pyarrow import parquet

from kinolog_client.exports.transfer import parsed

GROUP_ROWS = 10_000
"""Rows of a group: as many are in memory at once."""

_TIME = pyarrow.timestamp("us", tz="UTC")
_NAME = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
"""A text that is the same in many rows."""

SCHEMA = pyarrow.schema(
    [
        pyarrow.field("id", pyarrow.string(), nullable=False),
        pyarrow.field("position", pyarrow.int64(), nullable=False),
        pyarrow.field("event_index", pyarrow.int32(), nullable=False),
        pyarrow.field("type", _NAME, nullable=False),
        pyarrow.field("job_id", pyarrow.string(), nullable=False),
        pyarrow.field("job_version", pyarrow.int32(), nullable=False),
        pyarrow.field("time", _TIME),
        pyarrow.field("recorded_time", _TIME),
        pyarrow.field("tenant", _NAME),
        pyarrow.field("actor", _NAME),
        pyarrow.field("command", _NAME),
        pyarrow.field("command_id", pyarrow.string()),
        pyarrow.field("commit_hash", pyarrow.string()),
        pyarrow.field("attempt", pyarrow.int32()),
        pyarrow.field("worker", _NAME),
        pyarrow.field("model", _NAME),
        pyarrow.field("priority", _NAME),
        pyarrow.field("stage", _NAME),
        pyarrow.field("scene", pyarrow.int32()),
        pyarrow.field("seconds", pyarrow.float64()),
        pyarrow.field("gpu_seconds", pyarrow.float64()),
        pyarrow.field("error_code", _NAME),
        pyarrow.field("data", pyarrow.string(), nullable=False),
    ]
)
"""The columns. `data` has all fields of the event as JSON."""


def write_parquet(lines: Iterable[bytes], file: BinaryIO, facts: Mapping[str, str]) -> None:
    """Write events as Parquet. `facts` are metadata of the file, under names that begin with `kinolog.`."""
    schema = SCHEMA.with_metadata({f"kinolog.{name}": value for name, value in facts.items()})
    rows = (_row(parsed(line)) for line in lines)
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while group := list(islice(rows, GROUP_ROWS)):
            writer.write_table(pyarrow.Table.from_pylist(group, schema=schema), row_group_size=GROUP_ROWS)


def _row(event: Mapping[str, Any]) -> dict[str, Any]:
    data = event["data"]
    error = data.get("error")
    return {
        "id": event["id"],
        "position": int(event["position"]),
        "event_index": event["eventindex"],
        "type": event["type"],
        "job_id": event["subject"],
        "job_version": event["jobversion"],
        "time": _time(event.get("time")),
        "recorded_time": _time(event.get("recordedtime")),
        "tenant": event.get("tenant"),
        "actor": event.get("actor"),
        "command": event.get("command"),
        "command_id": event.get("commandid"),
        "commit_hash": event.get("commithash"),
        "attempt": data.get("attempt"),
        "worker": data.get("worker"),
        "model": data["spec"].get("model") if "spec" in data else None,
        "priority": data.get("priority"),
        "stage": data.get("stage"),
        "scene": data.get("scene"),
        "seconds": data.get("seconds"),
        "gpu_seconds": data.get("gpu_seconds"),
        "error_code": error.get("code") if isinstance(error, dict) else None,
        "data": json.dumps(data, ensure_ascii=False),
    }


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
