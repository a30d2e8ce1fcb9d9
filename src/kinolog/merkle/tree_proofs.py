"""Proofs about a tree under a signed head, as files that whoever receives one checks without the service."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.proofs import InvalidProof, check_consistency, check_inclusion
from kinolog.merkle.signed_note import InvalidNote
from kinolog.merkle.tree_head import TreeHead
from kinolog.merkle.witness import PublishedHead, UnreadableHead

INCLUSION_FORMAT = "kinolog-inclusion/1"
CONSISTENCY_FORMAT = "kinolog-consistency/1"


class UnreadableProof(Exception):
    """A text is no file of proofs. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedCommit:
    """A commit as it is stored, and the hashes that prove that it is at its position."""

    position: int
    job_id: str
    stored_commit: bytes
    inclusion: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InclusionProofs:
    """Commits, and the signed head of the tree that they are in."""

    head: PublishedHead
    commits: tuple[ProvedCommit, ...]

    @property
    def text(self) -> str:
        """The proofs as a file: a JSON object."""
        commits = [
            {
                "position": one.position,
                "job_id": one.job_id,
                "commit": base64.b64encode(one.stored_commit).decode("ascii"),
                "inclusion": [hashed.hex() for hashed in one.inclusion],
            }
            for one in self.commits
        ]
        return _text({"format": INCLUSION_FORMAT, "head": _head_object(self.head), "commits": commits})

    def check(self) -> TreeHead:
        """Check the signature of the head, and that every commit is in its tree. Raises `InvalidProof`."""
        head = _checked_head(self.head)
        for one in self.commits:
            try:
                check_inclusion(
                    leaf_hash(one.stored_commit), one.position - 1, head.size, one.inclusion, head.root
                )
            except InvalidProof as error:
                raise InvalidProof(f"the commit at position {one.position} is not proved: {error}") from error
        return head


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsistencyProof:
    """Two signed heads, and the hashes that prove that the later tree begins with the earlier one."""

    earlier: PublishedHead
    later: PublishedHead
    hashes: tuple[bytes, ...]

    @property
    def text(self) -> str:
        """The proof as a file: a JSON object."""
        heads = {"earlier": _head_object(self.earlier), "later": _head_object(self.later)}
        return _text({"format": CONSISTENCY_FORMAT, **heads, "hashes": [each.hex() for each in self.hashes]})

    def check(self) -> tuple[TreeHead, TreeHead]:
        """Check both signatures, and that the one tree begins with the other. Raises `InvalidProof`."""
        earlier, later = _checked_head(self.earlier), _checked_head(self.later)
        if earlier.origin != later.origin:
            raise InvalidProof(f"the heads are of two logs, {earlier.origin} and {later.origin}")
        check_consistency(earlier.size, earlier.root, later.size, later.root, self.hashes)
        return earlier, later


def proof_of(text: str) -> InclusionProofs | ConsistencyProof:
    """Return what the text of a file states. Raises `UnreadableProof`."""
    try:
        facts = json.loads(text)
        match facts["format"]:
            case "kinolog-inclusion/1":
                commits = tuple(map(_commit_of, facts["commits"]))
                if not commits:
                    raise ValueError("it proves no commit")
                return InclusionProofs(head=_head_of(facts["head"]), commits=commits)
            case "kinolog-consistency/1":
                return ConsistencyProof(
                    earlier=_head_of(facts["earlier"]),
                    later=_head_of(facts["later"]),
                    hashes=_hashes(facts["hashes"]),
                )
            case other:
                raise ValueError(f"its format {other!r} is not known; a later version of kinolog may know it")
    except KeyError as error:
        raise UnreadableProof(f"this is no file of proofs: it lacks {error}") from error
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error, UnreadableHead) as error:
        raise UnreadableProof(f"this is no file of proofs: {error}") from error


def _commit_of(facts: Mapping[str, Any]) -> ProvedCommit:
    return ProvedCommit(
        position=int(facts["position"]),
        job_id=str(facts["job_id"]),
        stored_commit=base64.b64decode(facts["commit"], validate=True),
        inclusion=_hashes(facts["inclusion"]),
    )


def _hashes(texts: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(map(bytes.fromhex, texts))


def _head_object(head: PublishedHead) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(head.line)
    return facts


def _head_of(facts: Mapping[str, Any]) -> PublishedHead:
    return PublishedHead.of(json.dumps(facts))


def _checked_head(published: PublishedHead) -> TreeHead:
    try:
        return published.signed.head
    except InvalidNote as error:
        raise InvalidProof(f"the signature of head {published.signed.number} is wrong: {error}") from error


def _text(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, ensure_ascii=False, indent=1) + "\n"
