"""Certificates of erasure: their one form, their signature, and the proof that their commits are in the tree."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kinolog.merkle.erasure_certificate import CertifiedJob, ErasureCertificate, SignedCertificate
from kinolog.merkle.hash_tiles import GrowingTree, range_root
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.signed_note import InvalidNote, NoteKey
from kinolog.merkle.subset_proof import subset_ranges
from kinolog.merkle.tree_head import origin_of

NOON = datetime(2026, 11, 28, 12, 0, 0, 5, UTC)
KEY, OTHER_KEY = (Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)) for number in (1, 2))
LEAVES = [leaf_hash(number.to_bytes(2)) for number in range(300)]


def certificate() -> ErasureCertificate:
    """Return the certificate of two jobs, at positions 7 and 290 of 300."""
    tree = GrowingTree()
    tiles = tree.append(LEAVES)
    jobs = tuple(
        CertifiedJob(
            job_id=f"{position:026}",
            erased_at=NOON,
            erased_position=position - 1,
            position=position,
            leaf=LEAVES[position - 1],
            files=2,
            sha256=("ab" * 32, "cd" * 32),
        )
        for position in (7, 290)
    )
    return ErasureCertificate(
        number=3,
        log=origin_of(LEAVES[0]),
        erasure_id="e" * 26,
        tenant='the "best" tenant\n\n— kinolog-log/0 x',
        actor="älice",
        issued_at=NOON,
        head_number=4,
        tree_size=len(LEAVES),
        root=tree.root(),
        jobs=jobs,
        proof=tuple(
            range_root(part, tiles) for part in subset_ranges([job.position - 1 for job in jobs], len(LEAVES))
        ),
    )


def signed(stated: ErasureCertificate, key: Ed25519PrivateKey = KEY) -> SignedCertificate:
    """Return a certificate that is signed, and said to be by `KEY`."""
    return SignedCertificate(number=3, key=NoteKey.of(KEY), note=stated.signed([key]))


def test_what_was_signed_is_read_again() -> None:
    """Whatever is in the names: these are JSON, so they never look like an end or a signature."""
    stated = certificate()
    assert signed(stated).certificate == stated
    assert (stated.files, stated.first_erased_at, stated.last_erased_at) == (4, NOON, NOON)


def test_every_changed_character_is_found() -> None:
    one = signed(certificate())
    text = one.note.rpartition("\n\n")[0]
    for at in range(len(text)):
        changed = one.note[:at] + ("0" if one.note[at] != "0" else "1") + one.note[at + 1 :]
        with pytest.raises(InvalidNote):
            _ = replace(one, note=changed).certificate


def test_another_key_and_another_number() -> None:
    with pytest.raises(InvalidNote, match="did not sign it"):
        _ = signed(certificate(), OTHER_KEY).certificate
    with pytest.raises(InvalidNote, match="certificate 5 states that it is certificate 3"):
        _ = replace(signed(certificate()), number=5).certificate


def test_commits_that_are_not_in_the_tree_are_not_certified() -> None:
    """Also with a right signature."""
    stated = certificate()
    first, second = stated.jobs
    for jobs in ((first,), (second, first), (replace(first, leaf=LEAVES[0]), second)):
        with pytest.raises(InvalidNote):
            _ = signed(replace(stated, jobs=jobs)).certificate


def test_a_tree_larger_than_any_is_no_tree() -> None:
    """Whoever signs that."""
    first, _ = certificate().jobs
    huge = replace(certificate(), tree_size=1 << 5_000, jobs=(first,))
    with pytest.raises(InvalidNote, match="no tree has more than"):
        _ = signed(huge).certificate


def test_what_is_no_certificate() -> None:
    """A head, which the same key signs, is none; nor is JSON with other facts or in another form."""
    stated = certificate()
    text = stated.text
    for other in (
        "kinolog-log/0\n3\nroot\n",
        text.replace('"jobs": [', '"jobs": 3, "more": ['),
        text.replace("\n ", "\n  "),
        text.replace('"sha256": [', '"sha256": "", "x": ['),
        "kinolog-erasure/1\n[]\n",
        "kinolog-erasure/1\n" + "[" * 100_000 + "\n",
        text.replace("2026-11-28T12:00:00.000005+00:00", "0001-01-01T00:00:00+14:00"),
    ):
        with pytest.raises(InvalidNote, match="no certificate of erasure"):
            ErasureCertificate.of(other)
