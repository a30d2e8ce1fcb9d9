"""What is in a bundle: the names of its members, its manifest, and its commits as lines."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from importlib.resources import files
from typing import Any

FORMAT = "kinolog-bundle/1"
COMMITS, PROOF, HEADS, KEYS = "commits.jsonl", "proof.txt", "heads.jsonl", "keys.json"
README, VERIFIER, MANIFEST = "readme.txt", "verify.py", "manifest.json"
FILES = "files/"
"""How the names of files of jobs begin. Their SHA-256 follows."""


class BundleInvalid(Exception):
    """A bundle proves nothing. The message says what fails first, and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleSelection:
    """Which commits are in a bundle. What is empty or None does not select. `tenant` is * for every one."""

    job_id: str
    first_position: int
    last_position: int
    since: str | None
    until: str | None
    actor: str
    tenant: str

    @property
    def has_whole_jobs(self) -> bool:
        """Whether no commit between two others of a job is left out."""
        return not (self.actor or self.since or self.until)

    @property
    def is_whole_range(self) -> bool:
        """Whether every commit of the range is in the bundle."""
        return self.has_whole_jobs and self.tenant == "*" and not self.job_id

    def check(self, position: int, job_id: str, tenant: str, actor: str, at: datetime) -> str:
        """Return which of the selection a commit does not match; empty if it does."""
        if not self.first_position <= position <= self.last_position:
            return "position"
        if self.job_id not in ("", job_id):
            return "job"
        if self.tenant not in ("*", tenant):
            return "tenant"
        if self.actor not in ("", actor):
            return "actor"
        since, until = (datetime.fromisoformat(each) if each else None for each in (self.since, self.until))
        if (since is not None and at < since) or (until is not None and at >= until):
            return "time"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFacts:
    """A member as the manifest lists it."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleManifest:
    """What a bundle states of itself. `head` is the number of the head under which its commits are proved."""

    log: str
    selection: BundleSelection
    commits: int
    head: int
    members: tuple[MemberFacts, ...]
    missing_files: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The manifest as a file: a JSON object, in this form only."""
        facts = {
            "format": FORMAT,
            "log": self.log,
            "selection": _facts(self.selection),
            "commits": self.commits,
            "head": self.head,
            "missing_files": list(self.missing_files),
            "members": [_facts(member) for member in self.members],
        }
        return json.dumps(facts, indent=1, sort_keys=True) + "\n"

    @classmethod
    def of(cls, text: str) -> BundleManifest:
        """Return the manifest that a text states. Raises `BundleInvalid`."""
        try:
            facts = json.loads(text)
            if facts["format"] != FORMAT:
                raise BundleInvalid(
                    f"{MANIFEST}: the format is {facts['format']!r}, not {FORMAT}; a later version may read it"
                )
            manifest = cls(
                log=facts["log"],
                selection=BundleSelection(**facts["selection"]),
                commits=facts["commits"],
                head=facts["head"],
                members=tuple(MemberFacts(**member) for member in facts["members"]),
                missing_files=tuple(facts["missing_files"]),
            )
            manifest._check_types()
            is_same = manifest.text == text
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BundleInvalid(f"{MANIFEST}: this is no manifest of a bundle: {error}") from error
        if not is_same:
            raise BundleInvalid(f"{MANIFEST}: it does not have the form of a manifest")
        return manifest

    def _check_types(self) -> None:
        """Raise TypeError or ValueError for a field of another type than it has here: the text is of a stranger."""
        chosen = self.selection
        texts = [self.log, chosen.job_id, chosen.actor, chosen.tenant, *self.missing_files]
        numbers = [self.commits, self.head, chosen.first_position, chosen.last_position]
        for member in self.members:
            texts += [member.name, member.sha256]
            numbers.append(member.size)
        if any(type(text) is not str for text in texts) or any(type(number) is not int for number in numbers):
            raise TypeError("a field has another type")
        for time in (chosen.since, chosen.until):
            if time is not None and datetime.fromisoformat(time).tzinfo is None:
                raise ValueError("a time has no offset from UTC")


def _facts(value: BundleSelection | MemberFacts) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def commit_line(position: int, raw: bytes) -> bytes:
    """Return a commit as a line of its member."""
    stored = base64.b64encode(raw).decode("ascii")
    return json.dumps({"position": position, "stored_commit": stored}).encode() + b"\n"


def commits_in(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield positions and bytes of the commits in the content of a member. Raises `BundleInvalid`."""
    last = 0
    for number, line in enumerate(lines_in(chunks), 1):
        try:
            facts = json.loads(line)
            position, raw = facts["position"], base64.b64decode(facts["stored_commit"], validate=True)
            is_same = type(position) is int and commit_line(position, raw) == line + b"\n"
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BundleInvalid(f"{COMMITS}, line {number}: this is no commit") from error
        if not is_same:
            raise BundleInvalid(f"{COMMITS}, line {number}: it does not have the form of a commit")
        if position <= last:
            raise BundleInvalid(f"{COMMITS}, line {number}: position {position} does not follow {last}")
        last = position
        yield position, raw


def lines_in(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a content, without their breaks. Raises `BundleInvalid` if the last one has none."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        raise BundleInvalid("the last line of a member is cut off")


def keys_text(keys: Mapping[str, bytes]) -> str:
    """Return the keys of jobs as a member."""
    return json.dumps({job: key.hex() for job, key in keys.items()}, indent=1, sort_keys=True) + "\n"


def keys_of(text: str) -> dict[str, bytes]:
    """Return the keys of jobs. Raises `BundleInvalid`."""
    try:
        keys = {str(job): bytes.fromhex(key) for job, key in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BundleInvalid(f"{KEYS}: these are no keys of jobs") from error
    if keys_text(keys) != text or any(len(key) != 32 for key in keys.values()):
        raise BundleInvalid(f"{KEYS}: these are no keys of jobs")
    return keys


def package_file(name: str) -> bytes:
    """Return a file that every bundle has: the second verifier, or the readme."""
    return files("kinolog.bundle").joinpath("shipped", name).read_bytes()
