"""Bundles that were changed, by accident or by a forger: both verifiers refuse each, with one verdict."""

from __future__ import annotations

import asyncio
import io
import json
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kinolog.bundle import contents
from kinolog.bundle.archive import ArchiveWriter, read_archive
from kinolog.bundle.contents import BundleManifest
from kinolog.bundle.verification import TrustedHeads
from kinolog.merkle.signed_head import SignedHead
from kinolog.merkle.signed_note import NoteKey, signed_note
from kinolog.merkle.witness import PublishedHead
from tests.builders.audit_bundles import (
    Contents,
    audited_api,
    both_refuse,
    bundle,
    first,
    packed,
    second,
    unpacked,
)
from tests.builders.commit_tree import KEY, grow_tree
from tests.builders.running_api import PROMPT, running_api

CHANGES = 1_000
FORGER = Ed25519PrivateKey.from_private_bytes(b"forger" + bytes(26))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundles:
    """Bundles of one log, and one of another log."""

    whole: bytes
    of_job: bytes
    of_tenant: bytes
    of_range: bytes
    of_another_log: bytes


@pytest.fixture(scope="module")
def bundles() -> Bundles:
    """The bundles of these tests. Their api has ended, since checks of many archives would hold it up."""

    async def made() -> Bundles:
        async with running_api() as other:
            await other.complete(await other.submit(PROMPT, seed=2))
            await grow_tree(other)
            of_another_log = await bundle(other)
        async with audited_api() as api:
            (recorded,) = await anext(api.store.read(0, 1))
            return Bundles(
                whole=await bundle(api, files=True, keys=True, tenant="*"),
                of_job=await bundle(api, job_id=recorded.commit.job_id),
                of_tenant=await bundle(api),
                of_range=await bundle(api, files=True, keys=True, tenant="*", last_position=5),
                of_another_log=of_another_log,
            )

    return asyncio.run(made())


def test_each_of_a_thousand_changed_bytes_is_found(bundles: Bundles) -> None:
    """In content, headers and directory alike, by both verifiers."""
    archive = bundles.whole
    chosen = random.Random(15)
    for _ in range(CHANGES):
        at, bit = chosen.randrange(len(archive)), 1 << chosen.randrange(8)
        changed = bytearray(archive)
        changed[at] ^= bit
        reasons = both_refuse(bytes(changed))
        assert all(reasons), at


def test_every_byte_of_headers_and_directory_matters(bundles: Bundles) -> None:
    """None of them is ignored: each is changed once."""
    archive = bundles.of_job
    members = read_archive(io.BytesIO(archive))
    places = [at for member in members for at in range(member.offset, member.content_offset)]
    for at in [*places, *range(members[-1].end, len(archive))]:
        changed = bytearray(archive)
        changed[at] ^= 0xFF
        both_refuse(bytes(changed))


def test_cut_off_longer_and_strange_archives(bundles: Bundles) -> None:
    """Each is refused with a sentence."""
    archive = bundles.of_tenant
    for length in (0, 10, 21, 22, 100, len(archive) // 2, len(archive) - 1):
        assert "archive" in both_refuse(archive[:length])[0]
    both_refuse(archive + b"\0")
    both_refuse(b"\0" + archive)
    ordinary = io.BytesIO()
    with zipfile.ZipFile(ordinary, "w") as made:
        for name, content in unpacked(archive).items():
            made.writestr(name, content)
    both_refuse(ordinary.getvalue())
    both_refuse(b"no archive at all, but long enough to be one")
    reordered, found = io.BytesIO(), unpacked(archive)
    writer = ArchiveWriter(reordered)
    for name in (*sorted(found.keys() - {contents.MANIFEST}, reverse=True), contents.MANIFEST):
        writer.add(name, found[name])
    writer.finish()
    assert "is where the manifest has" in both_refuse(reordered.getvalue())[0]
    empty = io.BytesIO()
    ArchiveWriter(empty).finish()
    assert "no manifest.json" in both_refuse(empty.getvalue())[0]


def _lines(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True)


def _exchanged(found: Contents) -> Contents:
    one, other, *rest = _lines(found[contents.COMMITS])
    return found | {contents.COMMITS: b"".join([other, one, *rest])}


def _without_a_commit(found: Contents) -> Contents:
    return found | {contents.COMMITS: b"".join(_lines(found[contents.COMMITS])[:-1])}


def _moved(found: Contents) -> Contents:
    *rest, last = _lines(found[contents.COMMITS])
    commit = json.loads(last)
    line = json.dumps(commit | {"position": commit["position"] + 1}).encode() + b"\n"
    return found | {contents.COMMITS: b"".join([*rest, line])}


def _without_a_head(found: Contents) -> Contents:
    return found | {contents.HEADS: b"".join(_lines(found[contents.HEADS])[1:])}


def _heads_exchanged(found: Contents) -> Contents:
    return found | {contents.HEADS: b"".join(_lines(found[contents.HEADS])[::-1])}


def _more_proof(found: Contents) -> Contents:
    return found | {contents.PROOF: found[contents.PROOF] + b"00" * 32 + b"\n"}


def _another_file(found: Contents) -> Contents:
    return {name.replace("files/", "files/00"): content for name, content in found.items()}


def _another_key(found: Contents) -> Contents:
    keys = dict.fromkeys(json.loads(found[contents.KEYS]), "00" * 32)
    return found | {contents.KEYS: (json.dumps(keys, indent=1, sort_keys=True) + "\n").encode()}


def _key_of_no_job(found: Contents) -> Contents:
    keys = json.loads(found[contents.KEYS]) | {"z" * 26: "00" * 32}
    return found | {contents.KEYS: (json.dumps(keys, indent=1, sort_keys=True) + "\n").encode()}


@pytest.mark.parametrize(
    ("forge", "why"),
    [
        (_exchanged, "not in the bundle"),
        (_without_a_commit, "the bundle has 4 commits, not 5"),
        (_moved, "not one that the manifest selects"),
        (_without_a_head, "continues none"),
        (_heads_exchanged, "continues none"),
        (_more_proof, "more hashes"),
        (_another_file, "SHA-256"),
        (_another_key, "does not unseal"),
        (_key_of_no_job, "unseals nothing"),
    ],
)
def test_a_forger_with_all_checksums_is_found(
    bundles: Bundles, forge: Callable[[Contents], Contents], why: str
) -> None:
    """Whoever changes a part and lists it again in the manifest has still no proof."""
    archive = bundles.of_range
    first(packed(unpacked(archive)))
    assert why in both_refuse(packed(forge(unpacked(archive))))[0]


def test_a_manifest_that_claims_another_selection(bundles: Bundles) -> None:
    """Commits that it does not select, or that it would have to have, are found."""
    found = unpacked(bundles.of_tenant)
    stated = BundleManifest.of(found[contents.MANIFEST].decode())
    for claim in ({"actor": "ada"}, {"tenant": "other"}, {"job_id": "a" * 26}, {"last_position": 8}):
        reasons = both_refuse(packed(found, selection=replace(stated.selection, **claim)))
        assert "position" in reasons[0]
    reasons = both_refuse(packed(found, selection=replace(stated.selection, tenant="*")))
    assert "left out" in reasons[0]
    both_refuse(packed(found, head=1))
    both_refuse(packed(found, log="kinolog-log/0000000000000000"))
    both_refuse(packed(found, commits=5))
    both_refuse(packed(found, missing_files=()))


def test_a_foreign_part_is_found(bundles: Bundles) -> None:
    """Commits, heads or proof of another log do not fit."""
    mine, theirs = unpacked(bundles.of_tenant), unpacked(bundles.of_another_log)
    for name in (contents.COMMITS, contents.HEADS, contents.PROOF):
        both_refuse(packed(mine | {name: theirs[name]}))


def _heads_of(found: Contents) -> list[PublishedHead]:
    return [PublishedHead.of(line) for line in found[contents.HEADS].decode().splitlines()]


def _with_heads(found: Contents, heads: list[PublishedHead]) -> Contents:
    return found | {contents.HEADS: "".join(f"{head.line}\n" for head in heads).encode()}


def _signed_by_forger(published: PublishedHead, at: datetime | None = None) -> PublishedHead:
    """Return the tree of a head as a head of the forger. Trees are public: any key of the service may read them."""
    head = published.signed.head
    stated = head if at is None else replace(head, at=at)
    note = signed_note(stated.text, head.origin, [FORGER])
    signed = SignedHead(number=published.signed.number, key=NoteKey.of(FORGER), note=note)
    return replace(published, signed=signed)


def test_the_tree_of_a_head_is_not_the_head(bundles: Bundles) -> None:
    """A stranger signs a tree that the reader knows with his own key, and would sign his own commits after it."""
    found = unpacked(bundles.of_job)
    mine = _heads_of(found)
    known = "".join(f"{head.line}\n" for head in mine)
    first(bundles.of_job, TrustedHeads(heads=mine))
    second(bundles.of_job, known=known)
    forged = packed(_with_heads(found, [_signed_by_forger(head) for head in mine]))
    first(forged)
    reasons = both_refuse(forged, TrustedHeads(heads=mine), known=known)
    assert all("none of your heads" in reason for reason in reasons)


def test_a_forger_proves_no_earlier_time(bundles: Bundles) -> None:
    """He puts a head of his own before that of the trusted key, and adds his signature to that, as if he introduced it.

    The commits are in its tree, but only the time of the trusted head is proved.
    """
    found = unpacked(bundles.of_job)
    earlier, trusted = _heads_of(found)
    past = _signed_by_forger(earlier, datetime(2001, 1, 1, tzinfo=UTC))
    head = trusted.signed.head
    added = signed_note(head.text, head.origin, [FORGER]).rpartition("\n\n")[2]
    signed = replace(trusted.signed, note=trusted.signed.note + added)
    forged = packed(_with_heads(found, [past, replace(trusted, signed=signed)]))
    key = NoteKey.of(KEY).id
    report = first(forged, TrustedHeads(key=key))
    assert not any("2001" in sentence for sentence in report.proved)
    assert any("head 2, signed 2026-11-28 12:01:00" in sentence for sentence in report.proved)
    assert any("2001-01-01" in sentence for sentence in report.unproved)
    said = second(forged, key=key)
    assert not any("2001" in sentence for sentence in said)
    assert any("signed 2026-11-28T12:01:00" in sentence for sentence in said)
    honest = first(bundles.of_job, TrustedHeads(key=key))
    assert any("head 1, signed 2026-11-28 12:00:00" in sentence for sentence in honest.proved)
    assert any("signed 2026-11-28T12:00:00" in sentence for sentence in second(bundles.of_job, key=key))


@pytest.mark.parametrize(
    "change",
    [
        {"first_position": "1"},
        {"last_position": None},
        {"since": "yesterday"},
        {"since": "2026-11-28T12:00:00"},
        {"until": 7},
        {"tenant": 7},
        {"job_id": ["a"]},
    ],
)
def test_a_selection_of_other_types(bundles: Bundles, change: dict[str, Any]) -> None:
    """A sentence refuses it; nothing breaks."""
    found = unpacked(bundles.of_job)
    stated = BundleManifest.of(found[contents.MANIFEST].decode())
    both_refuse(packed(found, selection=replace(stated.selection, **change)))


@pytest.mark.parametrize(
    "change",
    [{"commits": "4"}, {"head": None}, {"missing_files": (7,)}, {"missing_files": ([],)}, {"log": 7}],
)
def test_a_manifest_of_other_types(bundles: Bundles, change: dict[str, Any]) -> None:
    """As well."""
    both_refuse(packed(unpacked(bundles.of_job), **change))
