"""Heads that state the tree over recorded reads, and what a witness of them finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from kinolog.merkle.hash_tiles import GrowingTree, range_root
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.leaf_range import LeafRange, consistency_ranges
from kinolog.merkle.signed_head import SignedHead
from kinolog.merkle.signed_note import InvalidNote, NoteKey, signed_note
from kinolog.merkle.tree_head import ReadTreeHead, TreeHead, origin_of, reads_origin_of
from kinolog.merkle.witness import HistoryRewritten, PublishedHead, Witness
from tests.unit.merkle.published_heads import KEY, NOW

BATCHES = [f"batch {number}".encode() for number in range(1, 11)]
HASH = bytes(range(32))
HEAD = TreeHead(
    origin="kinolog-log/0",
    size=3,
    root=HASH,
    at=NOW,
    reads=ReadTreeHead(origin="kinolog-reads/0", size=2, root=HASH[::-1]),
)


def heads(sizes: Sequence[int], batches: Sequence[bytes] = BATCHES, first: int = 1) -> list[PublishedHead]:
    """Return heads over one commit, with reads of these sizes; 0 for no reads."""
    tree = GrowingTree()
    tiles = tree.append(map(leaf_hash, batches))
    commit = leaf_hash(b"a commit")
    found, before = list[PublishedHead](), 0
    for number, size in enumerate(sizes, start=first):
        reads = None
        if size:
            origin = reads_origin_of(leaf_hash(batches[0]))
            reads = ReadTreeHead(origin=origin, size=size, root=range_root(LeafRange(0, size), tiles))
        at = NOW + timedelta(minutes=number)
        head = TreeHead(origin=origin_of(commit), size=1, root=commit, at=at, reads=reads)
        note = signed_note(head.text, head.origin, [KEY])
        proof = None
        if reads:
            ranges = consistency_ranges(before, size) if before <= size else []
            proof = tuple(range_root(part, tiles) for part in ranges)
        signed = SignedHead(number=number, key=NoteKey.of(KEY), note=note)
        found.append(PublishedHead(signed=signed, reads_proof=proof))
        before = size
    return found


def test_a_head_states_the_reads_after_its_time() -> None:
    """A reader of checkpoints that does not know the line takes it as an extension. Heads of before have none."""
    assert HEAD.text.splitlines()[4].startswith("reads kinolog-reads/0 2 ")
    assert TreeHead.of(HEAD.text) == HEAD
    earlier = replace(HEAD, reads=None)
    assert TreeHead.of(earlier.text) == earlier


@pytest.mark.parametrize(
    "line",
    [
        "reads kinolog-reads/0 2",
        "reads kinolog-reads/0 02 " + HEAD.text.split(" ")[-1].strip(),
        "reads kinolog-reads/0 2 AAAA",
        "other kinolog-reads/0 2 " + HEAD.text.split(" ")[-1].strip(),
        "reads kinolog-reads/0 two " + HEAD.text.split(" ")[-1].strip(),
        "",
    ],
)
def test_another_line_is_no_head(line: str) -> None:
    text = replace(HEAD, reads=None).text + line + "\n"
    with pytest.raises(InvalidNote):
        TreeHead.of(text)
    with pytest.raises(InvalidNote):
        TreeHead.of(HEAD.text + line + "\n")


def test_heads_whose_reads_continue_are_accepted() -> None:
    """As lines of a file, also from before there were any reads."""
    first, *others = [PublishedHead.of(head.line) for head in heads([0, 0, 1, 1, 4, 10])]
    seen = Witness.begin(first)
    for head in others:
        seen = seen.accept(head)
    assert seen.seen.signed.number == 6


@pytest.mark.parametrize(
    ("batches", "sizes", "text"),
    [
        ([*BATCHES[:2], b"another", *BATCHES[3:]], [3, 10], "up to number 4 was changed"),
        ([*BATCHES[:2], *BATCHES[3:]], [3, 9], "up to number 4 was changed"),
        ([b"another", *BATCHES], [3, 10], "is of another record of reads"),
        (BATCHES, [4, 3], "has fewer batches of reads than the one before: 3, not 4"),
        (BATCHES, [4, 0], "states no record of reads"),
    ],
)
def test_a_record_that_was_changed(batches: list[bytes], sizes: list[int], text: str) -> None:
    """A batch was changed, dropped or added; the end or all of the record was taken away."""
    seen = Witness.begin(heads([4])[0])
    (_, other) = heads(sizes, batches)
    with pytest.raises(HistoryRewritten, match=text):
        seen.accept(other)


def test_reads_without_a_proof_are_not_accepted() -> None:
    first, second = heads([4, 10])
    with pytest.raises(HistoryRewritten, match="up to number 4"):
        Witness.begin(first).accept(replace(second, reads_proof=None))
