"""Checks that the record of a job is complete and unchanged. Pure: the caller reads the record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kinolog.codec.commits import DamagedCommit, parse_commit
from kinolog.counts import counted
from kinolog.job.commit import RecordedCommit
from kinolog.job.events import TERMINAL, Retried
from kinolog.job.evolve import BrokenHistory, fold, fold_commits
from kinolog.job.state import FOLD_VERSION, Job
from kinolog.job.values import Artifact

MAX_NAMED_FILES = 3
"""Failing files that a detail names; further ones are counted."""


@dataclass(frozen=True, slots=True)
class RecordCheck:
    """The result of one check: its name, whether it holds, and details for people."""

    name: str
    holds: bool
    detail: str


def damaged_log(readable: Sequence[RecordedCommit], damage: str) -> RecordCheck:
    """Return the failed check of a log that cannot be read to the end of the job."""
    return RecordCheck("log", False, f"{damage}; {counted(len(readable), 'commit')} before it could be read")


def check_hashes(history: Sequence[RecordedCommit]) -> RecordCheck:
    """Check that the bytes of every commit have the hash that is stored with them."""
    for recorded in history:
        try:
            _, digest = parse_commit(recorded.raw)
        except DamagedCommit as error:
            return RecordCheck("hashes", False, f"position {recorded.position}: {error}")
        if digest != recorded.digest:
            return RecordCheck(
                "hashes", False, f"position {recorded.position}: the hash differs from the one that was read"
            )
    return RecordCheck(
        "hashes", True, f"{counted(len(history), 'commit')} whose bytes have the hash stored with them"
    )


def check_chain(history: Sequence[RecordedCommit]) -> RecordCheck:
    """Check that every commit names position and hash of the previous one, and that no event is missing."""
    position, digest, version = 0, b"", 0
    for recorded in history:
        commit = recorded.commit
        where = f"position {recorded.position}"
        if commit.job_id != history[0].commit.job_id:
            return RecordCheck("chain", False, f"{where} belongs to another job, {commit.job_id}")
        if (commit.previous_position, commit.previous_hash) != (position, digest):
            return RecordCheck("chain", False, f"{where} does not follow {_previous(position)}")
        version += len(commit.events)
        if commit.version != version:
            return RecordCheck(
                "chain", False, f"{where} counts {counted(commit.version, 'event')}, not {version}"
            )
        position, digest = recorded.position, recorded.digest
    linked = f"{counted(len(history), 'commit')}, {counted(version, 'event')}"
    return RecordCheck("chain", True, f"{linked}; each names the hash of the previous one")


def check_fold(history: Sequence[RecordedCommit]) -> RecordCheck:
    """Check that folding the events produces the state in each commit."""
    job: Job | None = None
    compared = 0
    for recorded in history:
        commit = recorded.commit
        try:
            job = fold(job, commit.job_id, commit.events, commit.command.id)
        except BrokenHistory as error:
            return RecordCheck("fold", False, f"position {recorded.position}: {error}")
        if commit.fold_version == FOLD_VERSION:
            compared += 1
            if job != commit.state:
                return RecordCheck(
                    "fold",
                    False,
                    f"position {recorded.position} holds a state that differs from the folded events",
                )
    others = len(history) - compared
    rest = f"; {others} of another version not compared" if others else ""
    return RecordCheck("fold", True, f"{counted(compared, 'state')} as folded from the events{rest}")


def check_endings(history: Sequence[RecordedCommit]) -> RecordCheck:
    """Check that the job ended at most once, and once more for each retry."""
    endings, retries = 0, 0
    for recorded in history:
        for event in recorded.commit.events:
            endings += isinstance(event, TERMINAL)
            retries += isinstance(event, Retried)
            if endings > retries + 1:
                return RecordCheck(
                    "endings", False, f"position {recorded.position} ends a job that has already ended"
                )
    ended = f"it ended {_times(endings)}" if endings else "it has not ended yet"
    retried = f"was retried {_times(retries)}" if retries else "was never retried"
    return RecordCheck("endings", True, f"{ended} and {retried}")


def check_archive(
    history: Sequence[RecordedCommit], archive: Mapping[int, bytes], archived_up_to: int
) -> RecordCheck:
    """Check that the archive holds the same bytes for every commit up to the position that it has reached."""
    logged = {recorded.position: recorded.raw for recorded in history}
    for position, raw in archive.items():
        if position not in logged:
            return RecordCheck(
                "archive", False, f"the log has lost position {position}, which the archive holds"
            )
        if logged[position] != raw:
            return RecordCheck("archive", False, f"position {position} differs between log and archive")
    missing = [p for p in logged if p not in archive and p <= archived_up_to]
    if missing:
        return RecordCheck("archive", False, f"the archive is missing position {missing[0]}")
    pending = len(logged) - len(archive)
    rest = f"; {pending} not archived yet" if pending else ""
    return RecordCheck(
        "archive", True, f"the database holds {len(archive)} of {len(logged)} with the same bytes{rest}"
    )


def check_files(files: Sequence[Artifact], failures: Sequence[str], *, ended: bool) -> RecordCheck:
    """Check the files that the job lists. `failures` describes those that do not match the log."""
    if failures:
        return RecordCheck("artifacts", False, _shortened(failures))
    if not files:
        return RecordCheck("artifacts", True, "the job lists no files" + ("" if ended else " yet"))
    return RecordCheck(
        "artifacts", True, f"{counted(len(files), 'file')} read to the end; each matches the log"
    )


def check_erased_files(remaining: Sequence[str]) -> RecordCheck:
    """Check that the files of an erased job are deleted. `remaining` are keys of files that are still stored.

    It is the same whatever the job made and whatever others made: an erased job and its neighbours stay private.
    """
    if remaining:
        return RecordCheck("artifacts", False, f"erased, but still stored: {_shortened(remaining)}")
    return RecordCheck("artifacts", True, "erased; no file of the job is stored")


def folded_state(history: Sequence[RecordedCommit]) -> Job:
    """Return the job as folded from its events; the state in its last commit if they cannot be folded."""
    try:
        job = fold_commits(recorded.commit for recorded in history)
    except BrokenHistory:
        job = None
    return job or history[-1].commit.state


def listed_artifacts(job: Job) -> list[Artifact]:
    """Return the files that the job lists, results, scenes with thumbnails and sealed inputs, each once."""
    of_scenes = (file for scene in job.scenes for file in (scene.artifact, scene.thumbnail))
    scenes = (file for file in of_scenes if file is not None)
    return _distinct([*job.artifacts, *scenes, *(one.file for one in job.spec.inputs)])


def scene_count(job: Job) -> str:
    """Return the number of scenes in words."""
    return counted(len(job.scenes), "scene")


def artifact_label(artifact: Artifact) -> str:
    """Return the kind of a file and its key in the artifact store."""
    return f"{artifact.kind} {artifact.key}"


def _distinct(files: Iterable[Artifact]) -> list[Artifact]:
    first: dict[str, Artifact] = {}
    for artifact in files:
        first.setdefault(artifact.key, artifact)
    return list(first.values())


def _shortened(words: Sequence[str]) -> str:
    more = len(words) - MAX_NAMED_FILES
    return "; ".join(words[:MAX_NAMED_FILES]) + (f"; and {more} more" if more > 0 else "")


def _previous(position: int) -> str:
    return f"position {position}" if position else "the start of the history"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
