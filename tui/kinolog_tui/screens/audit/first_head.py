"""The head of the tree over all commits that this dashboard saw first of each server. Later heads must continue it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from kinolog.merkle.proofs import InvalidProof, check_consistency
from kinolog.merkle.signed_head import SignedHead
from kinolog.merkle.signed_note import InvalidNote, NoteKey
from kinolog_client import AsyncKinologClient, TreeHeadInfo
from kinolog_client.partial_file import partial_file


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstHead:
    """What is remembered of a head. `seen_at` is in ISO 8601."""

    number: int
    origin: str
    size: int
    root: str
    key_id: str
    seen_at: str


class HeadRelation(StrEnum):
    """What a head is to the one that was seen first."""

    FIRST = "first"
    SAME = "same"
    CONTINUES = "continues"
    REWRITTEN = "rewritten"
    OTHER_LOG = "other log"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedHead:
    """The last head, and what was found about it. `problem` says why its signature is none."""

    head: TreeHeadInfo
    problem: str
    first: FirstHead | None
    relation: HeadRelation


class FirstHeads:
    """Reads and writes the file. An unreadable file counts as empty."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def of(self, url: str) -> FirstHead | None:
        """Return the head that was seen first of a server; None if none was."""
        stored = self._load().get(url)
        try:
            return FirstHead(**stored) if isinstance(stored, dict) else None
        except TypeError:  # of another version
            return None

    def remember(self, url: str, head: TreeHeadInfo, seen_at: str) -> FirstHead:
        """Remember a head of a server. Raises `OSError`."""
        first = FirstHead(
            number=head.number,
            origin=head.origin,
            size=head.size,
            root=head.root,
            key_id=head.key_id,
            seen_at=seen_at,
        )
        self._save(self._load() | {url: asdict(first)})
        return first

    def forget(self, url: str) -> None:
        """Forget the head of a server. Raises `OSError`."""
        self._save({known: head for known, head in self._load().items() if known != url})

    def _load(self) -> dict[str, Any]:
        try:
            stored = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return stored if isinstance(stored, dict) else {}

    def _save(self, heads: dict[str, Any]) -> None:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with partial_file(self._file, mode=0o600, durable=True) as file:
            file.write((json.dumps(heads, indent=1) + "\n").encode())


async def checked_head(client: AsyncKinologClient, heads: FirstHeads, seen_at: str) -> CheckedHead:
    """Read the last head, and compare it with the first one. Raises `GatewayError`, and `OSError` for the file."""
    head = await client.tree_head()
    problem = signature_problem(head)
    first = heads.of(client.url)
    if first is None:
        if not problem:  # a head that is false is not worth to be remembered
            first = heads.remember(client.url, head, seen_at)
        return CheckedHead(head=head, problem=problem, first=first, relation=HeadRelation.FIRST)
    relation = await _relation(client, first, head)
    return CheckedHead(head=head, problem=problem, first=first, relation=relation)


def signature_problem(head: TreeHeadInfo) -> str:
    """Return why a head is not what its key signed; empty if it is."""
    try:
        stated = SignedHead(number=head.number, key=NoteKey(bytes.fromhex(head.key)), note=head.note).head
    except (InvalidNote, ValueError) as error:
        return str(error)
    if (stated.origin, stated.size, stated.root.hex()) != (head.origin, head.size, head.root):
        return "the note states another tree"
    return "" if NoteKey(bytes.fromhex(head.key)).id == head.key_id else "the key has another id"


async def _relation(client: AsyncKinologClient, first: FirstHead, head: TreeHeadInfo) -> HeadRelation:
    if first.origin != head.origin:
        return HeadRelation.OTHER_LOG
    if (first.size, first.root) == (head.size, head.root):
        return HeadRelation.SAME
    if head.size <= first.size:
        return HeadRelation.REWRITTEN
    proof = await client.prove_consistency(first.size, head.size)
    try:
        check_consistency(
            first.size,
            bytes.fromhex(first.root),
            head.size,
            bytes.fromhex(head.root),
            [bytes.fromhex(each) for each in proof.hashes],
        )
    except (InvalidProof, ValueError):
        return HeadRelation.REWRITTEN
    return HeadRelation.CONTINUES
