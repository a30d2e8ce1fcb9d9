"""Whether a job's record is complete and untouched. The checks on its history are pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kinolog.codec.commits import DamagedCommit, parse_commit
from kinolog.job.commit import Recorded
from kinolog.job.decide import Refused
from kinolog.job.events import TERMINAL, Retried
from kinolog.job.evolve import BrokenHistory, fold
from kinolog.job.state import FOLD_VERSION, Job
from kinolog.job.values import Artifact


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked, whether it holds, and what was found."""

    name: str
    holds: bool
    detail: str


def check_hashes(history: Sequence[Recorded]) -> Check:
    """Every commit's bytes still have the hash that lies beside them."""
    for recorded in history:
        try:
            _, digest = parse_commit(recorded.raw)
        except DamagedCommit as error:
            return Check("hashes", False, f"position {recorded.position}: {error}")
        if digest != recorded.digest:
            return Check("hashes", False, f"position {recorded.position}: another hash than was read")
    return Check("hashes", True, f"{len(history)} commits have the hashes that they were stored with")


def check_chain(history: Sequence[Recorded]) -> Check:
    """Every commit names the position and hash of the one before, and the events are counted without a gap."""
    position, digest, version = 0, b"", 0
    for recorded in history:
        commit = recorded.commit
        where = f"position {recorded.position}"
        if (commit.previous_position, commit.previous_hash) != (position, digest):
            return Check("chain", False, f"{where} does not build on position {position}")
        version += len(commit.events)
        if commit.version != version:
            return Check("chain", False, f"{where} counts {commit.version} events, not {version}")
        position, digest = recorded.position, recorded.digest
    return Check("chain", True, f"{len(history)} commits with {version} events, each built on the one before")


def check_fold(history: Sequence[Recorded]) -> Check:
    """The events, folded anew, give the state that each commit carries."""
    job: Job | None = None
    compared = 0
    for recorded in history:
        commit = recorded.commit
        try:
            job = fold(job, commit.job_id, commit.events, commit.command.id)
        except (BrokenHistory, Refused) as error:
            return Check("fold", False, f"position {recorded.position}: {error}")
        if commit.fold_version == FOLD_VERSION:
            compared += 1
            if job != commit.state:
                return Check(
                    "fold", False, f"position {recorded.position} carries another state than its events"
                )
    return Check("fold", True, f"{compared} of {len(history)} states compared; each is what its events make")


def check_endings(history: Sequence[Recorded]) -> Check:
    """The job ended at most once, and once more for each retry."""
    endings, allowed = 0, 1
    for recorded in history:
        for event in recorded.commit.events:
            endings += isinstance(event, TERMINAL)
            allowed += isinstance(event, Retried)
            if endings > allowed:
                return Check("endings", False, f"position {recorded.position} ends the job once too often")
    return Check("endings", True, f"ended {endings} times, retried {allowed - 1} times")


def check_archive(history: Sequence[Recorded], archive: Mapping[int, bytes], archived_up_to: int) -> Check:
    """The archive holds the same bytes, for every commit up to the position that it has reached."""
    logged = {recorded.position: recorded.raw for recorded in history}
    for position, raw in archive.items():
        if position not in logged:
            return Check("archive", False, f"the log has lost position {position}, which the archive holds")
        if logged[position] != raw:
            return Check("archive", False, f"position {position} differs between log and archive")
    missing = [p for p in logged if p not in archive and p <= archived_up_to]
    if missing:
        return Check("archive", False, f"the archive lacks position {missing[0]}")
    return Check(
        "archive", True, f"{len(archive)} of {len(logged)} commits archived, all with the same bytes"
    )


def artifacts_of(job: Job) -> list[Artifact]:
    """Files that the job lists: results and rendered scenes, each once."""
    listed = [*job.artifacts, *(scene.artifact for scene in job.scenes if scene.artifact)]
    return list({artifact.key: artifact for artifact in listed}.values())
