"""The check of a bundle: with the bundle alone, and what the reader trusts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO

from kinolog.bundle.archive import ArchiveInvalid, ArchiveMember, content_of, read_archive
from kinolog.bundle.contents import (
    COMMITS,
    FILES,
    HEADS,
    KEYS,
    MANIFEST,
    PROOF,
    VERIFIER,
    BundleInvalid,
    BundleManifest,
    MemberFacts,
    commits_in,
    keys_of,
    lines_in,
    package_file,
)
from kinolog.bundle.head_chain import ProvedHead, dated_head, head_with_key, known_head, read_heads
from kinolog.bundle.job_chains import JobChains
from kinolog.bundle.named_files import ANY_SIZE, NamedFiles
from kinolog.codec.commits import DamagedCommit, parse_commit
from kinolog.codec.enums import UnknownEvent
from kinolog.codec.events import event_from_proto
from kinolog.codec.times import time_from_proto
from kinolog.counts import counted
from kinolog.merkle.hashes import HASH_BYTES, leaf_hash
from kinolog.merkle.proofs import InvalidProof
from kinolog.merkle.subset_proof import subset_root
from kinolog.merkle.witness import PublishedHead
from kinolog.privacy.event_texts import unsealed_texts
from kinolog.privacy.sealer import Sealer, UnsealFailed
from kinolog.v1 import event_pb2 as ev

SHOWN_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedHeads:
    """What the reader of a bundle trusts: the key of its heads, and heads from elsewhere. Both may be empty."""

    key: str = ""
    heads: Sequence[PublishedHead] = ()


@dataclass(slots=True, kw_only=True)
class BundleReport:
    """What a bundle proves, in sentences, and what it does not. `texts` are those of users, by job and purpose."""

    manifest: BundleManifest
    proved: list[str] = field(default_factory=list)
    unproved: list[str] = field(default_factory=list)
    texts: dict[str, dict[str, str]] = field(default_factory=dict)
    members: dict[str, ArchiveMember] = field(default_factory=dict)
    """The members of the archive by name."""
    commit_hashes: set[tuple[str, str]] = field(default_factory=set)
    """The commits, by job and hash in hexadecimal, of a bundle with files."""


def verify_bundle(file: BinaryIO, trusted: TrustedHeads) -> BundleReport:
    """Check a bundle. Return what it proves. Raises `BundleInvalid` for what fails first, `OSError`."""
    try:
        return _Verification(file, trusted).run()
    except ArchiveInvalid as error:
        raise BundleInvalid(f"archive: {error}") from error
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
        # A stranger made it: what no check expects is no bundle either.
        raise BundleInvalid(f"this is no bundle: {type(error).__name__}: {error}") from error


@dataclass(slots=True)
class _Span:
    """The positions of the commits: how many, the first one and the last one."""

    count: int = 0
    first: int = 0
    last: int = 0

    def add(self, position: int) -> None:
        """Count the next one."""
        self.first = self.first or position
        self.last = position
        self.count += 1


class _Verification:
    """One check of one bundle."""

    def __init__(self, file: BinaryIO, trusted: TrustedHeads) -> None:
        self._file = file
        self._trusted = trusted
        self._members = {member.name: member for member in read_archive(file)}
        self._manifest = self._checked_manifest()
        self._keys = keys_of(self._text_of(KEYS)) if KEYS in self._members else None
        self._report = BundleReport(manifest=self._manifest, members=self._members)
        self._files = NamedFiles()
        self._anchors = list[ProvedHead]()  # the heads that the reader trusts
        self._has_files = any(name.startswith(FILES) for name in self._members)

    def run(self) -> BundleReport:
        """Check everything that follows the manifest."""
        report, selection = self._report, self._manifest.selection
        report.proved.append(
            f"archive: {counted(len(self._members), 'file')} with the SHA-256 of the manifest, and no other bytes"
        )
        heads = self._heads()
        under = next((each for each in heads if each.number == self._manifest.head), None)
        if under is None:
            raise BundleInvalid(f"{MANIFEST}: head {self._manifest.head} is not in the bundle")
        chains = JobChains(selection)
        self._check_commits(under, chains)
        self._check_files()
        self._report_texts(chains)
        if not selection.is_whole_range:
            report.unproved.append(
                "that nothing else matches the selection: a commit that was left out is not missed, unless it is "
                "between two others of its job"
                if selection.has_whole_jobs
                else "that nothing else matches the selection: a commit that was left out is not missed"
            )
        if chains.begun_before:
            report.unproved.append(
                f"what {counted(len(chains.begun_before), 'job')} did before the first commit here"
            )
        report.unproved.append("that clocks were right, and that actors are the persons whom their keys name")
        if self._bytes_of(VERIFIER) != package_file(VERIFIER):
            report.unproved.append(
                f"that {VERIFIER} in the bundle checks what it should: it is another version than here"
            )
        return report

    def _checked_manifest(self) -> BundleManifest:
        """Return the manifest. Raises `BundleInvalid` unless it lists exactly the members that are there."""
        if MANIFEST not in self._members:
            raise BundleInvalid(f"there is no {MANIFEST}: the archive is no bundle")
        manifest = BundleManifest.of(self._text_of(MANIFEST))
        found = [MemberFacts(name=m.name, size=m.size, sha256=m.sha256) for m in self._members.values()]
        for listed, present in zip(manifest.members, found, strict=False):
            if listed.name != present.name:
                raise BundleInvalid(f"{present.name} is where the manifest has {listed.name}")
            if listed != present:
                raise BundleInvalid(
                    f"{present.name} was changed: its SHA-256 or size is not that of the manifest"
                )
        if len(found) != len(manifest.members) + 1 or found[-1].name != MANIFEST:
            raise BundleInvalid("the archive has other files than the manifest lists")
        for name in (COMMITS, PROOF, HEADS, VERIFIER):
            if name not in self._members:
                raise BundleInvalid(f"there is no {name}: the bundle is not whole")
        return manifest

    def _heads(self) -> list[ProvedHead]:
        """Check the heads, and whether one is trusted."""
        report, origin = self._report, self._manifest.log
        heads = read_heads([_decoded(line, HEADS) for line in self._lines_of(HEADS)], origin)
        last = heads[-1]
        key = last.published.signed.key
        signed = f"signed {_shown(last.head.at)} by key {key.id[:SHOWN_DIGITS]}"
        continued = ", each of which continues the one before" if len(heads) > 1 else ""
        report.proved.append(
            f"heads: {counted(len(heads), 'head')} of {origin}{continued}; the last is head "
            f"{last.number} of {counted(last.head.size, 'commit')}, {signed}"
        )
        if self._trusted.heads:
            known = known_head(heads, self._trusted.heads)
            self._anchors.append(known)
            report.proved.append(f"trust: head {known.number} is one that you have")
        if self._trusted.key:
            anchor = head_with_key(heads, self._trusted.key)
            self._anchors.append(anchor)
            report.proved.append(f"trust: head {anchor.number} is signed by the key that you named")
        if not self._trusted.heads and not self._trusted.key:
            report.unproved.append(
                f"whose key signed it: {key.verifier(origin)} comes from the bundle; compare it with what its owner "
                "publishes, and name it with --key, or give heads that you have with --head"
            )
        return heads

    def _check_commits(self, under: ProvedHead, chains: JobChains) -> None:
        """Check each commit, and that all of them are in the tree of a head."""
        seen = _Span()

        def leaves() -> Iterator[tuple[int, bytes]]:
            for position, raw in commits_in(content_of(self._file, self._members[COMMITS])):
                self._check_commit(position, raw, chains)
                seen.add(position)
                yield position - 1, leaf_hash(raw)

        proof = [_hash_in(line, number) for number, line in enumerate(self._lines_of(PROOF), 1)]
        try:
            root = subset_root(leaves(), proof, under.head.size)
        except InvalidProof as error:
            raise BundleInvalid(f"{PROOF}: {error}") from error
        if not seen.count or seen.count != self._manifest.commits:
            raise BundleInvalid(
                f"{COMMITS}: the bundle has {counted(seen.count, 'commit')}, not {self._manifest.commits}"
            )
        if root != under.head.root:
            raise BundleInvalid(
                f"{PROOF}: the commits at positions {seen.first} to {seen.last} are not all in the tree of head "
                f"{under.number}: one was changed, moved or made up"
            )
        selection = self._manifest.selection
        if selection.is_whole_range and seen.count != selection.last_position - selection.first_position + 1:
            raise BundleInvalid(f"{COMMITS}: commits between {seen.first} and {seen.last} are left out")
        commits = f"{counted(seen.count, 'commit')} of {counted(chains.jobs, 'job')}"
        dated = dated_head(under, self._anchors)
        self._report.proved.append(
            f"commits: {commits}, at positions {seen.first} to {seen.last}, are in the tree of head {dated.number}, "
            f"signed {_shown(dated.head.at)}"
        )
        if dated is not under:
            self._report.unproved.append(
                f"that they were there {_shown(under.head.at)}, as head {under.number} states: it comes before the "
                f"head that you trust, and is signed by another key, {under.published.signed.key.id[:SHOWN_DIGITS]}"
            )
        whole = ", and none between them is missing" if selection.has_whole_jobs else ""
        begun = "" if chains.begun_before else "; each job begins with its first commit"
        self._report.proved.append(f"chain: each commit continues the one before of its job{whole}{begun}")

    def _check_commit(self, position: int, raw: bytes, chains: JobChains) -> None:
        try:
            commit, digest = parse_commit(raw)
        except DamagedCommit as error:
            raise BundleInvalid(f"position {position}: {error}") from error
        selection = self._manifest.selection
        at = time_from_proto(commit.at)
        differs = selection.check(position, commit.job_id, commit.state.tenant, commit.command.actor, at)
        if differs:
            raise BundleInvalid(f"position {position}: its {differs} is not one that the manifest selects")
        chains.add(position, commit, digest)
        for event in commit.events:
            self._files.add(event)
        if self._has_files:
            self._report.commit_hashes.add((commit.job_id, digest.hex()))
        if self._keys is not None:
            self._unseal(position, commit)

    def _unseal(self, position: int, commit: ev.Commit) -> None:
        key = (self._keys or {}).get(commit.job_id)
        if key is None:
            return
        try:
            events = [event_from_proto(event) for event in commit.events]
            for texts in unsealed_texts(events, Sealer(commit.job_id, key)):
                self._report.texts.setdefault(commit.job_id, {}).update(texts)
        except UnknownEvent as error:
            raise BundleInvalid(f"position {position}: {error}") from error
        except UnsealFailed as error:
            raise BundleInvalid(f"position {position}: {error}") from error

    def _check_files(self) -> None:
        """Check that each file is one that a commit names, and that those that are missing are listed."""
        sizes = self._files.sizes
        here = [member for name, member in self._members.items() if name.startswith(FILES)]
        for member in here:
            if member.name.removeprefix(FILES).partition(".")[0] != member.sha256:
                raise BundleInvalid(f"{member.name} was changed: its SHA-256 is {member.sha256}")
            if sizes.get(member.sha256) not in (member.size, ANY_SIZE):
                raise BundleInvalid(f"{member.name} is a file that no commit here names")
        absent = sizes.keys() - {member.sha256 for member in here}
        if absent != set(self._manifest.missing_files):
            raise BundleInvalid(f"{MANIFEST}: it lists other missing files than the commits name")
        if here:
            self._report.proved.append(
                f"files: {counted(len(here), 'file')}, with the SHA-256 that a commit names"
            )
        if absent:
            self._report.unproved.append(
                f"what is in {counted(len(absent), 'file')} that the commits name and the bundle lacks"
            )

    def _report_texts(self, chains: JobChains) -> None:
        if self._keys is None:
            self._report.unproved.append(
                "the texts of users, such as prompts: they are sealed, and the bundle has no keys"
            )
            return
        if unused := self._keys.keys() - self._report.texts.keys():
            raise BundleInvalid(f"{KEYS}: the key of job {min(unused)} unseals nothing here")
        if absent := chains.jobs - len(self._keys):
            self._report.unproved.append(f"the texts of {counted(absent, 'job')}, whose key the bundle lacks")
        count = sum(map(len, self._report.texts.values()))
        self._report.proved.append(
            f"texts: {counted(count, 'text')} of {counted(len(self._keys), 'job')} unseal under the keys here; "
            "whoever has the bundle can read them"
        )

    def _lines_of(self, name: str) -> Iterator[bytes]:
        try:
            yield from lines_in(content_of(self._file, self._members[name]))
        except BundleInvalid as error:
            raise BundleInvalid(f"{name}: {error}") from error

    def _bytes_of(self, name: str) -> bytes:
        return b"".join(content_of(self._file, self._members[name]))

    def _text_of(self, name: str) -> str:
        return _decoded(self._bytes_of(name), name)


def _decoded(text: bytes, name: str) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise BundleInvalid(f"{name}: it is no text") from None


def _hash_in(line: bytes, number: int) -> bytes:
    text = line.decode("ascii", "replace")
    try:
        hashed = bytes.fromhex(text)
    except ValueError:
        hashed = b""
    if hashed.hex() != text or len(hashed) != HASH_BYTES:
        raise BundleInvalid(f"{PROOF}, line {number}: this is no hash")
    return hashed


def _shown(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
