"""The signed heads in a bundle: each continues the one before, and one of them is one that the reader trusts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kinolog.bundle.contents import HEADS, BundleInvalid
from kinolog.counts import counted
from kinolog.merkle.proofs import InvalidProof, check_consistency
from kinolog.merkle.signed_note import InvalidNote, verified_text
from kinolog.merkle.tree_head import TreeHead
from kinolog.merkle.witness import PublishedHead, UnreadableHead


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedHead:
    """A head of a bundle, and what it states."""

    published: PublishedHead
    head: TreeHead

    @property
    def number(self) -> int:
        """Its number, from 1."""
        return self.published.signed.number


def read_heads(lines: Iterable[str], origin: str) -> list[ProvedHead]:
    """Return the heads of a bundle of a log. Raises `BundleInvalid` unless each continues the one before."""
    heads: list[ProvedHead] = []
    for number, line in enumerate(lines, 1):
        where = f"{HEADS}, line {number}"
        try:
            published = PublishedHead.of(line)
            proved = ProvedHead(published=published, head=published.signed.head)
        except UnreadableHead as error:
            raise BundleInvalid(f"{where}: this is no head of a tree") from error
        except InvalidNote as error:
            raise BundleInvalid(f"{where}: the signature is wrong: {error}") from error
        if published.line != line or published.reads_proof is not None:
            raise BundleInvalid(f"{where}: it does not have the form of a head")
        if proved.head.origin != origin:
            raise BundleInvalid(f"{where}: the head is of {proved.head.origin}, not of {origin}")
        if heads:
            _check_continues(heads[-1], proved, where)
        elif published.proof:
            raise BundleInvalid(f"{where}: the first head continues none, and has a proof")
        heads.append(proved)
    if not heads:
        raise BundleInvalid(f"{HEADS}: there is no head")
    return heads


def _check_continues(before: ProvedHead, after: ProvedHead, where: str) -> None:
    published = after.published
    if after.number <= before.number:
        raise BundleInvalid(f"{where}: head {after.number} does not follow head {before.number}")
    key = before.published.signed.key
    if published.signed.key != key:
        try:
            verified_text(published.signed.note, after.head.origin, key)
        except InvalidNote as error:
            raise BundleInvalid(
                f"{where}: head {after.number} has another key, which that of head {before.number} did not introduce"
            ) from error
    first, second = before.head, after.head
    try:
        check_consistency(first.size, first.root, second.size, second.root, published.proof)
    except InvalidProof as error:
        raise BundleInvalid(
            f"{where}: head {after.number} does not continue head {before.number}: {error}"
        ) from error


def head_with_key(heads: Sequence[ProvedHead], verifier: str) -> ProvedHead:
    """Return a head that is signed by a key: a verifier key of C2SP signed-note, or the SHA-256 of the key.

    Raises `BundleInvalid` if none is.
    """
    for proved in heads:
        key = proved.published.signed.key
        if verifier in (key.id, key.verifier(proved.head.origin)):
            return proved
    signer = heads[-1].published.signed.key.id
    raise BundleInvalid(f"{HEADS}: no head is signed by the key that you trust; the last one is by {signer}")


def known_head(heads: Sequence[ProvedHead], known: Sequence[PublishedHead]) -> ProvedHead:
    """Return a head that the reader has already. Raises `BundleInvalid` without one, and if one contradicts them.

    It has the key, the tree and the time of his own. The tree alone is public: anybody can sign it with another key.
    """
    found, sizes = None, {str(proved.head.size) for proved in heads}
    for mine in known:
        if sizes.isdisjoint(mine.signed.note.split("\n")[1:2]):
            continue  # a copy of heads.log may be long
        try:
            stated = mine.signed.head
        except InvalidNote as error:
            raise BundleInvalid(
                f"your head {mine.signed.number} is not signed by its key: {error}"
            ) from error
        for proved in heads:
            same_size = stated.size == proved.head.size and stated.origin == proved.head.origin
            if same_size and stated.root != proved.head.root:
                raise BundleInvalid(
                    f"{HEADS}: head {proved.number} contradicts your head {mine.signed.number}: two trees of "
                    f"{counted(stated.size, 'commit')} have different roots, so history was rewritten"
                )
            if found is None and stated == proved.head and mine.signed.key == proved.published.signed.key:
                found = proved
    if found is None:
        raise BundleInvalid(
            f"{HEADS}: none of your heads, with its key and its time, is in the bundle; make it again with --head and "
            "your file, so that it proves that its tree continues yours"
        )
    return found


def dated_head(under: ProvedHead, anchors: Sequence[ProvedHead]) -> ProvedHead:
    """Return the head whose time is proved for the commits in the tree of `under`: itself, or the first anchor.

    Heads from an anchor on are signed by its key, or by those that it introduced. A head before an anchor has a part of
    the tree of the anchor, but whoever makes a bundle can sign that part with a key of his own, at any time.
    """
    if not anchors:
        return under
    first = min(anchors, key=lambda anchor: anchor.number)
    keys = [anchor.published.signed.key for anchor in anchors]
    is_vouched = under.number >= first.number or under.published.signed.key in keys
    return under if is_vouched else first
