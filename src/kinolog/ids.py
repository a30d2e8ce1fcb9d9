"""Ids of jobs, requests and commands."""

from __future__ import annotations

from hashlib import sha256
from secrets import token_bytes

JOB_ID_PATTERN = "[a-z0-9]{26}"
"""The form of a job id, without anchors. The proto files state the same pattern."""

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


def new_id() -> str:
    """Return a new id for a request, a command or a key: 104 random bits."""
    return token_bytes(13).hex()
