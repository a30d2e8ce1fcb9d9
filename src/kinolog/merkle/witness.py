"""What a witness does: it has seen heads of a tree, and accepts only heads that continue them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from kinolog.merkle.proofs import InvalidProof, check_consistency
from kinolog.merkle.signed_head import SignedHead
from kinolog.merkle.signed_note import KEY_BYTES, InvalidNote, NoteKey, verified_text
from kinolog.merkle.tree_head import ReadTreeHead, TreeHead

READS_PROOF = "reads_consistency"
"""Field of a line with the proof about the recorded reads."""


class UnreadableHead(Exception):
    """A line of a file of heads is no head. The message says why."""


class HistoryRewritten(Exception):
    """A head contradicts one that was seen before. The message says how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedHead:
    """A signed head, and the proof that its tree begins with that of the head before.

    `reads_proof` proves the same of the tree over recorded reads; None where nobody asks for it, as in bundles.
    """

    signed: SignedHead
    proof: tuple[bytes, ...] = ()
    reads_proof: tuple[bytes, ...] | None = None

    @property
    def line(self) -> str:
        """The head as a line of a file: a JSON object."""
        signed = self.signed
        facts = {"number": signed.number, "key_id": signed.key.id, "key": signed.key.public.hex()}
        proof = [hashed.hex() for hashed in self.proof]
        reads = {} if self.reads_proof is None else {READS_PROOF: [one.hex() for one in self.reads_proof]}
        whole = {**facts, "note": signed.note, "consistency": proof, **reads}
        return json.dumps(whole, ensure_ascii=False)

    @classmethod
    def of(cls, line: str) -> PublishedHead:
        """Return the head that a line states. Raises `UnreadableHead`."""
        try:
            facts = json.loads(line)
            key, note = bytes.fromhex(facts["key"]), str(facts["note"])
            note.encode()  # raises for half a character
            if len(key) != KEY_BYTES:
                raise ValueError("the key has another length")
            signed = SignedHead(number=int(facts["number"]), key=NoteKey(key), note=note)
            reads = facts.get(READS_PROOF)
            return cls(
                signed=signed,
                proof=tuple(map(bytes.fromhex, facts["consistency"])),
                reads_proof=None if reads is None else tuple(map(bytes.fromhex, reads)),
            )
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise UnreadableHead(f"this is no head of a tree: {line[:80]!r}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """What a witness remembers: the last head that it accepted. Its key is the one that it trusts."""

    seen: PublishedHead

    @classmethod
    def begin(cls, first: PublishedHead, key_id: str = "") -> Witness:
        """Trust the key of a first head, or that with an id alone. Raises `HistoryRewritten`."""
        if key_id and first.signed.key.id != key_id:
            raise HistoryRewritten(
                f"head {first.signed.number} is signed by key {first.signed.key.id}, not by {key_id}"
            )
        _head_of(first)
        return cls(seen=first)

    def accept(self, published: PublishedHead) -> Witness:
        """Return what it remembers after one more head. Raises `HistoryRewritten`.

        A head of the past is passed over; the last one must be the same again.
        """
        signed, seen = published.signed, self.seen.signed
        if signed.number < seen.number:
            return self
        if signed.number == seen.number:
            if signed.note != seen.note:
                raise HistoryRewritten(f"head {signed.number} is another one than that which was seen before")
            return self
        head, before = _head_of(published), _head_of(self.seen)
        if signed.key != seen.key:
            try:
                verified_text(signed.note, head.origin, seen.key)
            except InvalidNote as error:
                raise HistoryRewritten(
                    f"head {signed.number} is signed by key {signed.key.id}, which the key before did not introduce: "
                    f"{error}"
                ) from error
        if signed.number != seen.number + 1:
            raise HistoryRewritten(
                f"head {signed.number} does not follow head {seen.number}: heads are missing"
            )
        if head.origin != before.origin:
            raise HistoryRewritten(
                f"head {signed.number} is of another log, {head.origin}, not {before.origin}"
            )
        if head.size < before.size:
            raise HistoryRewritten(
                f"head {signed.number} has fewer commits than the one before: {head.size}, not {before.size}"
            )
        try:
            check_consistency(before.size, before.root, head.size, head.root, published.proof)
        except InvalidProof as error:
            raise HistoryRewritten(
                f"head {signed.number} contradicts head {seen.number}: a commit at a position up to {before.size} was "
                f"changed, or added or removed before ({error})"
            ) from error
        _check_reads(before.reads, head.reads, published)
        return Witness(seen=published)


def _check_reads(before: ReadTreeHead | None, after: ReadTreeHead | None, published: PublishedHead) -> None:
    """Check that the record of reads continues that of the head before. Raises `HistoryRewritten`."""
    named = f"head {published.signed.number}"
    if before is None:
        return
    if after is None:
        raise HistoryRewritten(f"{named} states no record of reads, and the head before it does")
    if after.origin != before.origin:
        raise HistoryRewritten(
            f"{named} is of another record of reads, {after.origin}, not {before.origin}: it was begun again"
        )
    if after.size < before.size:
        raise HistoryRewritten(
            f"{named} has fewer batches of reads than the one before: {after.size}, not {before.size}"
        )
    try:
        check_consistency(before.size, before.root, after.size, after.root, published.reads_proof or ())
    except InvalidProof as error:
        raise HistoryRewritten(
            f"{named} contradicts the head before it: a batch of recorded reads up to number {before.size} was "
            f"changed, or added or removed before ({error})"
        ) from error


def _head_of(published: PublishedHead) -> TreeHead:
    try:
        return published.signed.head
    except InvalidNote as error:
        raise HistoryRewritten(f"head {published.signed.number} was changed: {error}") from error
