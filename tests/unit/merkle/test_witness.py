"""A witness accepts heads that continue those which it has seen, and finds a history that was rewritten."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kinolog.merkle.signed_note import NoteKey
from kinolog.merkle.witness import HistoryRewritten, PublishedHead, UnreadableHead, Witness
from tests.unit.merkle.published_heads import KEY, OTHER_KEY, published, rewritten

HEADS = published([3, 3, 8, 20])


def after(heads: Sequence[PublishedHead], more: Iterable[PublishedHead] = ()) -> Witness:
    """Return a witness that has seen heads, and then more."""
    return reduce(Witness.accept, [*heads[1:], *more], Witness.begin(heads[0]))


def test_heads_that_continue_each_other() -> None:
    """A head is a line of a file. One that comes again changes nothing."""
    assert after([PublishedHead.of(head.line) for head in HEADS]).seen == HEADS[-1]
    assert after(HEADS, HEADS).seen == HEADS[-1]


@pytest.mark.parametrize("position", [1, 7, 8])
def test_a_rewritten_commit(position: int) -> None:
    """Whoever has the key can sign the rewritten history. It does not continue what was seen."""
    seen = after(HEADS[:3])
    forged = published([3, 3, 8, 20], rewritten(position))
    with pytest.raises(HistoryRewritten, match="head 3 is another one than that which was seen"):
        seen.accept(forged[2])
    with pytest.raises(HistoryRewritten, match=r"another log" if position == 1 else "position up to 8"):
        seen.accept(forged[3])


def test_two_heads_of_one_size_with_different_roots() -> None:
    (forged,) = published([8], rewritten(7), first=4)
    with pytest.raises(HistoryRewritten, match="two trees of 8 leaves have different roots"):
        after(HEADS[:3]).accept(replace(forged, proof=()))


def test_a_history_that_became_shorter() -> None:
    (shorter,) = published([7], first=5)
    with pytest.raises(HistoryRewritten, match="head 5 has fewer commits than the one before: 7, not 20"):
        after(HEADS).accept(shorter)


def test_a_head_that_is_missing() -> None:
    with pytest.raises(HistoryRewritten, match="head 4 does not follow head 2"):
        after(HEADS[:2]).accept(HEADS[3])


def test_a_head_that_was_changed() -> None:
    note = HEADS[3].signed.note.replace("\n20\n", "\n19\n")
    with pytest.raises(HistoryRewritten, match="head 4 was changed: the signature"):
        after(HEADS[:3]).accept(replace(HEADS[3], signed=replace(HEADS[3].signed, note=note)))


def _fourth(*keys: Ed25519PrivateKey) -> PublishedHead:
    """Return the fourth head, signed by these keys."""
    return published([3, 3, 8, 20], keys=keys)[3]


def test_a_key_that_the_one_before_introduced_is_trusted() -> None:
    seen = after(HEADS[:3], [_fourth(OTHER_KEY, KEY)])
    assert seen.seen.signed.key == NoteKey.of(OTHER_KEY)


def test_a_key_that_nobody_introduced() -> None:
    with pytest.raises(HistoryRewritten, match="the key before did not introduce"):
        after(HEADS[:3]).accept(_fourth(OTHER_KEY))


def test_the_first_key_can_be_named() -> None:
    key_id = NoteKey.of(KEY).id
    assert Witness.begin(HEADS[0], key_id).seen == HEADS[0]
    with pytest.raises(HistoryRewritten, match=f"not by {key_id}"):
        Witness.begin(published([3], keys=[OTHER_KEY])[0], key_id)


@pytest.mark.parametrize("line", ["", "{", "[]", '{"number": 1}', '{"number": 1, "key": "zz", "note": ""}'])
def test_a_line_that_is_no_head(line: str) -> None:
    with pytest.raises(UnreadableHead):
        PublishedHead.of(line)
