"""Ids of jobs, requests and commands."""

from __future__ import annotations

import hmac
import re
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_bytes

JOB_ID_PATTERN = "[a-z0-9]{26}"
"""The form of a job id, without anchors. The proto files state the same pattern."""

_JOB_ID = re.compile(JOB_ID_PATTERN)
_WRITTEN_JOB_ID = re.compile(rf"(?<![A-Za-z0-9]){JOB_ID_PATTERN}(?![A-Za-z0-9])")

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
_SHIFTS = range(120, -1, -10)


def _base32(data: bytes) -> str:
    """Return the first 130 bits of `data` as 26 lower-case letters and digits: base32, two letters at a time."""
    number = int.from_bytes(data[:17], "big") >> 6
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


def job_id(tenant: str, request_id: str) -> str:
    """Return the id of the job of a tenant's request. The same request always has the same job."""
    return _base32(sha256(f"{tenant}\0{request_id}".encode()).digest())


def is_job_id(text: str) -> bool:
    """Return whether a text has the form of a job id. Ids of uploads have the same form."""
    return _JOB_ID.fullmatch(text) is not None


def upload_id(secret: bytes, tenant: str, digest: str) -> str:
    """Return the id of a tenant's upload of content with this SHA-256.

    The same content always has the same id. Without the secret nobody finds out from an id what was uploaded.
    """
    return _base32(hmac.digest(secret, f"{tenant}\0{digest}".encode(), "sha256"))


def upload_folder(tenant: str, upload: str) -> str:
    """Return the folder of an upload: another one for each tenant, so that no tenant finds what another uploaded."""
    folder = _base32(sha256(f"upload\0{tenant}\0{upload}".encode()).digest())
    start = uploads_of(tenant)
    return start + folder[len(start) :]


def uploads_of(tenant: str) -> str:
    """Return what the folders of all uploads of a tenant begin with: 50 bits. Folders of others begin differently."""
    return _base32(sha256(f"uploads\0{tenant}".encode()).digest())[:10]


def files_of(tenant: str) -> str:
    """Return the folder with the files of all jobs of a tenant. No id of a job has its form."""
    return "t-" + _base32(sha256(f"files\0{tenant}".encode()).digest())


def repeatable_request_id(secret: bytes, beginning: str, *request: str) -> str:
    """Return the id of a request whose client sent none, from everything that makes it equal to another one.

    Without the secret nobody finds out from an id what was requested.
    """
    return beginning + _base32(hmac.digest(secret, "\0".join(request).encode(), "sha256"))


def without_job_ids(text: str) -> str:
    """Return a text for all tenants: what looks like the id of a job is left out, since each job has one tenant."""
    return _WRITTEN_JOB_ID.sub("…", text)


def new_id() -> str:
    """Return a new id for a request, a command or a key: 104 random bits."""
    return token_bytes(13).hex()


_TIMED_ID = re.compile(
    r"([0-9a-f]{8})-?([0-9a-f]{4})-?7[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}", re.IGNORECASE
)
RECENT = timedelta(seconds=5)


def new_request_id(now: datetime) -> str:
    """Return a new id for a request that makes a job: a UUID of version 7, which begins with its time."""
    number = round(now.timestamp() * 1000) << 80 | int.from_bytes(token_bytes(10), "big")
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return f"{number:032x}"


def is_recent(request_id: str, now: datetime) -> bool:
    """Return whether a request id states that it was made a moment ago, as `new_request_id` does."""
    parts = _TIMED_ID.fullmatch(request_id)
    if parts is None:
        return False
    made_at = int(parts[1] + parts[2], 16) / 1000
    return abs(now.timestamp() - made_at) <= RECENT.total_seconds()
