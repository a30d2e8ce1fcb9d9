"""Times between the domain (aware datetimes, UTC) and protobuf timestamps; microseconds survive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def put_time(target: Timestamp, at: datetime) -> None:
    """Write `at` into `target`."""
    micros = (at - _EPOCH) // _MICROSECOND
    target.seconds, rest = divmod(micros, 1_000_000)
    target.nanos = rest * 1_000


def get_time(source: Timestamp) -> datetime:
    """The time in `source`, cut to microseconds."""
    return _EPOCH + timedelta(0, source.seconds, source.nanos // 1_000)
