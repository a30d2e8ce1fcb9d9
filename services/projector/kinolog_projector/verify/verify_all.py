"""One comparison of everything that is stored, in parts that run beside each other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kinolog.counts import counted
from kinolog.merkle.signed_head import SignedHead
from kinolog.merkle.witness import PublishedHead, UnreadableHead
from kinolog.ports.artifacts import ArtifactStore
from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import ArchivableKeyStore
from kinolog.ports.raw_log import RawLog
from kinolog.readmodel.database import Connection, writer_connection
from kinolog.reads.read_log import ReadBatchLog
from kinolog_projector.guard.archive_reader import ArchiveReader
from kinolog_projector.tree.stored_heads import heads_after
from kinolog_projector.verify.certificates import CertificateComparison
from kinolog_projector.verify.difference import Difference, DifferenceFound, VerifiedPart
from kinolog_projector.verify.jobs_and_keys import JobsAndKeys
from kinolog_projector.verify.log_and_tree import LogAndTree
from kinolog_projector.verify.read_tree import ReadTreeComparison
from kinolog_projector.verify.recorded_reads import ReadComparison

HEADS_PER_READ = 1_000
LEAVES_SUFFIX = ".leaves"
READ_LEAVES_SUFFIX = ".read-leaves"
"""How `kinolog audit witness` names the files with the hashes of commits, and of batches of reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyChoices:
    """What is compared beside log, archive, tree, lists and keys."""

    with_files: bool = False
    read_files: bool = False
    head_files: Sequence[Path] = ()
    """Files of signed heads: copies of heads.log, and states of witnesses, beside which the hashes of commits are."""


@dataclass(slots=True)
class VerifyProgress:
    """How far a comparison is."""

    commits: int = 0
    jobs: int = 0
    all_commits: int = 0
    report: Callable[[VerifyProgress], object] = field(default=lambda _: None)

    def add_commits(self, count: int) -> None:
        """Note that commits were compared."""
        self.commits += count
        self.report(self)

    def add_jobs(self, count: int) -> None:
        """Note that jobs were compared."""
        self.jobs += count
        self.report(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedAll:
    """The result: up to which position, in how many seconds, and each part."""

    position: int
    seconds: float
    parts: tuple[VerifiedPart, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    @property
    def differences(self) -> list[tuple[str, Difference]]:
        """The first difference of each part that has one, the earliest position first."""
        found = [(part.name, part.difference) for part in self.parts if part.difference is not None]
        return sorted(found, key=lambda one: one[1].position)


class VerifyAll:
    """Compares everything. Nothing is written, and kinolog may run meanwhile."""

    def __init__(
        self,
        database_url: str,
        log: RawLog,
        store: EventStore,
        keys: ArchivableKeyStore,
        artifacts: ArtifactStore | None,
        reads: ReadBatchLog | None = None,
    ) -> None:
        self._database_url = database_url
        self._log = log
        self._store = store
        self._keys = keys
        self._artifacts = artifacts
        self._reads = reads

    async def run(self, choices: VerifyChoices, progress: VerifyProgress) -> VerifiedAll:
        """Compare. Raises `LogUnavailable`, `psycopg.Error`, `ArtifactsUnavailable`; `OSError` for files of heads."""
        began = time.monotonic()
        copied = [head for path in choices.head_files for head in await asyncio.to_thread(_heads_of, path)]
        async with (
            await writer_connection(self._database_url, "kinolog-verify") as connection,
            await writer_connection(self._database_url, "kinolog-verify-jobs") as snapshot,
        ):
            witnessed = [await asyncio.to_thread(_leaves_beside, path) for path in choices.head_files]
            witnessed_reads = [
                await asyncio.to_thread(_leaves_beside, path, READ_LEAVES_SUFFIX)
                for path in choices.head_files
            ]
            heads = [*await _stored_heads(connection), *copied]
            async with snapshot.transaction():
                await snapshot.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                position = await ArchiveReader(snapshot).position()
                progress.all_commits = position
                whole = LogAndTree(self._log, connection, heads, witnessed)
                artifacts = self._artifacts if choices.with_files else None
                jobs = JobsAndKeys(snapshot, self._store, self._keys, artifacts)
                log_difference, jobs_difference = await asyncio.gather(
                    _found(self._compare_log(whole, position, progress)),
                    _found(jobs.run(position, progress.add_jobs, read_files=choices.read_files)),
                )
                recorded = ReadComparison(snapshot, self._reads)
                reads_difference = await _found(recorded.run())
                in_tree = ReadTreeComparison(snapshot, heads, witnessed_reads)
                reads_difference = reads_difference or await _found(in_tree.run())
                certificates = CertificateComparison(snapshot)
                erasures_difference = await _found(certificates.run())
        parts = [
            VerifiedPart(
                name="log and archive", count=progress.commits, unit="commit", difference=log_difference
            ),
            VerifiedPart(name="tree", count=len(heads), unit="signed head", difference=whole.tree_difference),
            VerifiedPart(
                name="lists",
                count=progress.jobs,
                unit="job",
                difference=jobs_difference or jobs.listed_difference,
            ),
            VerifiedPart(name="keys", count=progress.jobs, unit="job", difference=jobs.key_difference),
            VerifiedPart(
                name="erasures",
                count=certificates.certificates,
                unit="certificate",
                difference=erasures_difference,
            ),
            VerifiedPart(name="reads", count=recorded.batches, unit="batch", difference=reads_difference),
        ]
        if artifacts is not None:
            parts.append(
                VerifiedPart(name="files", count=jobs.files, unit="file", difference=jobs.file_difference)
            )
        return VerifiedAll(position=position, seconds=time.monotonic() - began, parts=tuple(parts))

    async def _compare_log(self, whole: LogAndTree, position: int, progress: VerifyProgress) -> None:
        extent = await self._log.extent()
        if extent.last < position:
            text = f"the log ends at {extent.last}, the archive at {position}"
            raise DifferenceFound(Difference(position=extent.last + 1, text=text))
        await whole.run(position, progress.add_commits)
        if not extent.is_whole:
            text = f"the log states {counted(extent.commits, 'commit')} from {extent.first} to {extent.last}"
            raise DifferenceFound(Difference(text=text))


async def _found(part: Awaitable[object]) -> Difference | None:
    """Return the difference that ends a part; None if it comes to its end."""
    try:
        await part
    except DifferenceFound as found:
        return found.difference
    return None


async def _stored_heads(connection: Connection) -> list[SignedHead]:
    """Return all signed heads of the database."""
    found = list[SignedHead]()
    while more := await heads_after(connection, found[-1].number if found else 0, HEADS_PER_READ):
        found += more
    return found


def _heads_of(path: Path) -> list[SignedHead]:
    """Return the heads of a file. Lines that are none are left out. Raises `OSError`."""
    found = list[SignedHead]()
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                found.append(PublishedHead.of(line).signed)
            except UnreadableHead:  # cut off
                continue
    return found


def _leaves_beside(path: Path, suffix: str = LEAVES_SUFFIX) -> bytes:
    """Return the hashes beside the state of a witness; none beside another file. Raises `OSError`."""
    leaves = path.with_name(f"{path.name}{suffix}")
    return leaves.read_bytes() if leaves.exists() else b""
