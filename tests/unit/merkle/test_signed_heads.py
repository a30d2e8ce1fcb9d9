"""Signed heads of a tree."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.signed_note import InvalidNote, NoteKey, signed_note, verified_text
from kinolog.merkle.tree_head import TreeHead, origin_of

HEAD = TreeHead(
    origin=origin_of(leaf_hash(b"")),
    size=3,
    root=bytes(range(32)),
    at=datetime(2026, 11, 28, 12, 0, 0, 5, UTC),
)
KEY, OTHER_KEY = (Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)) for number in (1, 2))

PUBLISHED_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
PUBLISHED_NOTE = f"""{PUBLISHED_TEXT}
— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
"""
"""The example of https://pkg.go.dev/golang.org/x/mod/sumdb/note."""


def test_a_note_of_another_program() -> None:
    key = NoteKey(base64.b64decode(PUBLISHED_VERIFIER.split("+", 2)[2])[1:])
    assert key.verifier("PeterNeumann") == PUBLISHED_VERIFIER
    assert verified_text(PUBLISHED_NOTE, "PeterNeumann", key) == PUBLISHED_TEXT
    with pytest.raises(InvalidNote, match="not of this text"):
        verified_text(PUBLISHED_NOTE.replace("answer", "question"), "PeterNeumann", key)


def test_a_head_is_read_from_its_note() -> None:
    note = signed_note(HEAD.text, HEAD.origin, [KEY])
    assert note.splitlines()[:4] == [
        "kinolog-log/6e340b9cffb37a98",
        "3",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "time 2026-11-28T12:00:00.000005+00:00",
    ]
    assert TreeHead.of(verified_text(note, HEAD.origin, NoteKey.of(KEY))) == HEAD


def test_a_note_with_two_signatures_is_accepted_by_either_key() -> None:
    note = signed_note(HEAD.text, HEAD.origin, [KEY, OTHER_KEY])
    for key in (KEY, OTHER_KEY):
        assert verified_text(note, HEAD.origin, NoteKey.of(key)) == HEAD.text


@pytest.mark.parametrize(
    ("note", "reason"),
    [
        (signed_note(HEAD.text, HEAD.origin, [OTHER_KEY]), "did not sign it"),
        (signed_note(HEAD.text, "another", [KEY]), "did not sign it"),
        (HEAD.text, "no empty line"),
        (f"{HEAD.text}\n— {HEAD.origin} ???\n", "no base64"),
        (signed_note(HEAD.text, HEAD.origin, [KEY]).replace("\n3\n", "\n4\n"), "not of this text"),
    ],
)
def test_a_note_that_the_key_did_not_sign(note: str, reason: str) -> None:
    with pytest.raises(InvalidNote, match=reason):
        verified_text(note, HEAD.origin, NoteKey.of(KEY))


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEAD.text.replace("\n3\n", "\n03\n"),
        HEAD.text.replace("\n3\n", "\n-3\n"),
        HEAD.text.replace("time ", ""),
        HEAD.text + "more\n",
        HEAD.text.replace("AAEC", "AA"),
    ],
)
def test_a_text_that_is_no_head(text: str) -> None:
    with pytest.raises(InvalidNote, match="no head"):
        TreeHead.of(text)
