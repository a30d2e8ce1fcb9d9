"""Ids of jobs, requests and commands."""

from __future__ import annotations

import re
from hashlib import sha256
from secrets import token_bytes

JOB_ID_PATTERN = "[a-z0-9]{26}"
"""The form of a job id, without anchors. The proto files state the same pattern."""

_JOB_ID = re.compile(JOB_ID_PATTERN)

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
_SHIFTS = range(120, -1, -10)


def _word(data: bytes) -> str:
    """The first 130 bits of `data` as 26 lower-case letters and digits: base32, two letters at a time."""
    number = int.from_bytes(data[:17], "big") >> 6
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


def job_id(tenant: str, request_id: str) -> str:
    """The id of the job that this request of this tenant makes: always the same one."""
    return _word(sha256(f"{tenant}\0{request_id}".encode()).digest())


def new_id() -> str:
    """A fresh id for a request, command or key that brought none: 104 random bits."""
    return token_bytes(13).hex()


def is_job_id(text: str) -> bool:
    """True when `text` has the form of a job id."""
    return _JOB_ID.fullmatch(text) is not None
