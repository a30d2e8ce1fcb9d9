"""Convert UTC datetimes to and from protobuf timestamps, with microseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def time_to_proto(target: Timestamp, at: datetime) -> None:
    """Write `at` into `target`."""
    target.seconds, target.nanos = _split(at)


@lru_cache(maxsize=256)
def _split(at: datetime) -> tuple[int, int]:
    """Return seconds and nanoseconds. Cached: a commit holds the same time several times."""
    seconds, micros = divmod((at - _EPOCH) // _MICROSECOND, 1_000_000)
    return seconds, micros * 1_000


def time_from_proto(source: Timestamp) -> datetime:
    """Return the time in `source`, truncated to microseconds."""
    return _joined(source.seconds, source.nanos)


@lru_cache(maxsize=256)
def _joined(seconds: int, nanos: int) -> datetime:
    """Return the time. Cached: a commit and its state hold the same time several times."""
    return _EPOCH + timedelta(0, seconds, nanos // 1_000)
