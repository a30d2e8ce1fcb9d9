"""Sealing: a ciphertext unseals only for its job, purpose and key."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinolog.ports.keys import KeyErased
from kinolog.privacy.sealer import NONCE_BYTES, Sealer, UnsealFailed, new_key


@given(st.text(max_size=200))
def test_sealed_text_is_unsealed(text: str) -> None:
    """Any text is unsealed unchanged, and its ciphertext is as long as the text and a tag."""
    sealer = Sealer("job", new_key())
    sealed = sealer.seal(text, "prompt")
    assert sealer.unseal(sealed, "prompt") == text
    assert len(sealed.nonce) == NONCE_BYTES
    assert len(sealed.ciphertext) == len(text.encode()) + 16


def test_sealing_twice_differs() -> None:
    """The same text has a different nonce and ciphertext each time."""
    sealer = Sealer("job", new_key())
    assert sealer.seal("same", "prompt") != sealer.seal("same", "prompt")


def test_it_unseals_nowhere_else() -> None:
    """Another job, another purpose, another key and a changed byte are all refused, without showing the text."""
    key = new_key()
    sealed = Sealer("job", key).seal("a secret", "prompt")
    flipped = replace(sealed, ciphertext=bytes([sealed.ciphertext[0] ^ 1]) + sealed.ciphertext[1:])
    elsewhere = [
        (Sealer("other", key), sealed, "prompt"),
        (Sealer("job", key), sealed, "negative_prompt"),
        (Sealer("job", new_key()), sealed, "prompt"),
        (Sealer("job", key), flipped, "prompt"),
        (Sealer("job", key), replace(sealed, nonce=b""), "prompt"),
    ]
    for sealer, content, purpose in elsewhere:
        with pytest.raises(UnsealFailed) as refused:
            sealer.unseal(content, purpose)
        assert "secret" not in str(refused.value)


def test_without_a_key_nothing_works() -> None:
    """Every call raises KeyErased."""
    sealed = Sealer("job", new_key()).seal("a secret", "prompt")
    erased = Sealer("job", None)
    with pytest.raises(KeyErased, match="job"):
        erased.unseal(sealed, "prompt")
    with pytest.raises(KeyErased):
        erased.seal("a secret", "prompt")
    with pytest.raises(KeyErased):
        erased.body_hash(b"body")


def test_equal_bodies_have_one_hash_under_one_key() -> None:
    """Equal bodies have the same hash, others do not, and another key gives other hashes."""
    sealer = Sealer("job", new_key())
    assert sealer.body_hash(b"body") == sealer.body_hash(b"body") != sealer.body_hash(b"other")
    assert len(sealer.body_hash(b"body")) == 32
    assert Sealer("job", new_key()).body_hash(b"body") != sealer.body_hash(b"body")


def test_a_key_of_another_length_is_refused() -> None:
    """A key must have 32 bytes."""
    with pytest.raises(ValueError, match="16 bytes"):
        Sealer("job", b"0" * 16)
