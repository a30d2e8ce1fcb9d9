"""Writes a bundle into a file: commits, heads and proof, files, keys, and what says what is in it."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from kinolog.bundle import contents
from kinolog.bundle.archive import ArchiveWriter
from kinolog.bundle.certificates import CertificateSearch
from kinolog.bundle.contents import BundleManifest, BundleSelection, MemberFacts, commit_line
from kinolog.bundle.named_files import artifacts_in
from kinolog.codec.commits import parse_commit
from kinolog.job.commit import RecordedCommit
from kinolog.ports.artifacts import ArtifactDamaged, ArtifactMissing, ArtifactStore
from kinolog.ports.keys import KeyStore
from kinolog.privacy.event_texts import has_texts
from kinolog.v1 import job_pb2 as pb
from kinolog_api.audit_exports.proof_maker import BundleHeads, ProofMaker
from kinolog_api.audit_exports.selected_commits import SelectedCommits


@dataclass(slots=True)
class NamedByCommits:
    """What the commits of a bundle name: leaves, files by job and SHA-256, certificates, and ids of keys by job."""

    leaves: array[int] = field(default_factory=lambda: array("Q"))
    files_of: dict[str, dict[str, pb.Artifact]] = field(default_factory=dict)
    all_files: set[str] = field(default_factory=set)
    certificates: set[str] = field(default_factory=set)
    key_ids: dict[str, str] = field(default_factory=dict)

    def add(self, recorded: RecordedCommit) -> None:
        """Add a commit."""
        self.leaves.append(recorded.position - 1)
        wire, _ = parse_commit(recorded.raw)
        for event in wire.events:
            for artifact in artifacts_in(event):
                self.files_of.setdefault(wire.job_id, {})[artifact.sha256] = artifact
                self.all_files.add(artifact.sha256)
                self.certificates |= {artifact.signed_by} - {""}
        if has_texts(recorded.commit.events):
            self.key_ids[recorded.commit.job_id] = recorded.commit.state.sealing_key_id


class BundleWriter:
    """One bundle. Every method raises `ArchiveTooLarge`, and `OSError` if the file cannot be written."""

    def __init__(self, file: BinaryIO, selected: SelectedCommits) -> None:
        self._archive = ArchiveWriter(file)
        self._selected = selected
        self._certificates = set[str]()
        self.named = NamedByCommits()

    async def write_commits(self, batches: AsyncIterator[Sequence[RecordedCommit]]) -> AsyncIterator[None]:
        """Write the commits; yield after each batch."""
        with self._archive.member(contents.COMMITS) as member:
            async for batch in batches:
                for recorded in batch:
                    self.named.add(recorded)
                    member.write(commit_line(recorded.position, recorded.raw))
                yield

    async def write_proof(self, heads: BundleHeads, proofs: ProofMaker) -> None:
        """Write the heads, and the hashes that prove the commits under one of them."""
        lines = [published.line for published in heads.published]
        self._archive.add(contents.HEADS, "".join(f"{line}\n" for line in lines).encode())
        with self._archive.member(contents.PROOF) as member:
            async for hashed in proofs.proof(self.named.leaves, heads.size):
                member.write(f"{hashed.hex()}\n".encode())

    async def write_files(self, artifacts: ArtifactStore) -> AsyncIterator[None]:
        """Write the files that are still stored; yield now and then. Raises `ArtifactsUnavailable`."""
        files = {sha256: one for of_job in self.named.files_of.values() for sha256, one in of_job.items()}
        for sha256, artifact in sorted(files.items()):
            suffix = artifact.key.rpartition(".")[2]
            if await artifacts.head(artifact.key) is None:
                continue
            try:
                chunks = artifacts.read(artifact.key)
                first = await anext(aiter(chunks), b"")
            except (ArtifactMissing, ArtifactDamaged):
                continue
            certificate = CertificateSearch(artifact.signed_by)
            certificate.feed(first)
            with self._archive.member(f"{contents.FILES}{sha256}.{suffix}") as member:
                member.write(first)
                async for chunk in chunks:
                    certificate.feed(chunk)
                    member.write(chunk)
                    yield
            self._add_certificate(certificate)
            yield

    def _add_certificate(self, search: CertificateSearch) -> None:
        """Add the certificate that signed a file, once."""
        name = f"{contents.FILES}{search.fingerprint}.der"
        if search.found is not None and name not in self._certificates:
            self._certificates.add(name)
            self._archive.add(name, search.found)

    async def write_keys(self, keys: KeyStore) -> None:
        """Write the keys of the jobs, without those of erased ones. Raises `LogUnavailable`."""
        found = await keys.get_many(list(self.named.key_ids.values()))
        by_job = {job: found[key_id] for job, key_id in self.named.key_ids.items() if key_id in found}
        self._archive.add(contents.KEYS, contents.keys_text(by_job).encode())

    def finish(self, heads: BundleHeads) -> int:
        """Write what every bundle has, and the manifest. Return the size of the archive."""
        for name in (contents.README, contents.VERIFIER):
            self._archive.add(name, contents.package_file(name))
        members = self._archive.members
        present = {m.sha256 for m in members if m.name.startswith(contents.FILES)}
        selected = self._selected
        manifest = BundleManifest(
            log=heads.published[0].signed.head.origin,
            selection=BundleSelection(
                job_id=selected.job_id,
                first_position=selected.first,
                last_position=selected.last,
                since=_time(selected.since),
                until=_time(selected.until),
                actor=selected.actor,
                tenant="*" if selected.tenant is None else selected.tenant,
            ),
            commits=len(self.named.leaves),
            head=heads.under.number,
            members=tuple(MemberFacts(name=m.name, size=m.size, sha256=m.sha256) for m in members),
            missing_files=tuple(sorted((self.named.all_files | self.named.certificates) - present)),
        )
        self._archive.add(contents.MANIFEST, manifest.text.encode())
        return self._archive.finish()


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
