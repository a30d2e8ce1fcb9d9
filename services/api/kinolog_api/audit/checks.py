"""Whether a job's record is complete and untouched. Pure: the record is brought, what is found is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kinolog.codec.commits import DamagedCommit, parse_commit
from kinolog.job.commit import Recorded
from kinolog.job.decide import Refused
from kinolog.job.events import TERMINAL, Completed, Retried, SceneRendered
from kinolog.job.evolve import BrokenHistory, fold
from kinolog.job.state import FOLD_VERSION, Job
from kinolog.job.values import Artifact

NAMED_FILES = 3
"""How many files that do not hold are named; the others are counted."""


@dataclass(frozen=True, slots=True)
class RecordCheck:
    """One thing that was checked, whether it holds, and what was found."""

    name: str
    holds: bool
    detail: str


def check_log(before: Sequence[Recorded], damage: str) -> RecordCheck:
    """The log could not be read to the job's end: what is wrong, and how much lies before it."""
    return RecordCheck("log", False, f"{damage}; {_number(len(before), 'commit')} before it could be read")


def check_hashes(history: Sequence[Recorded]) -> RecordCheck:
    """Every commit's bytes still have the hash that lies beside them."""
    for recorded in history:
        try:
            _, digest = parse_commit(recorded.raw)
        except DamagedCommit as error:
            return RecordCheck("hashes", False, f"position {recorded.position}: {error}")
        if digest != recorded.digest:
            return RecordCheck("hashes", False, f"position {recorded.position}: another hash than was read")
    return RecordCheck(
        "hashes", True, f"{_number(len(history), 'commit')} whose bytes have the hash stored with them"
    )


def check_chain(history: Sequence[Recorded]) -> RecordCheck:
    """Every commit names the position and hash of the one before, and the events are counted without a gap."""
    position, digest, version = 0, b"", 0
    for recorded in history:
        commit = recorded.commit
        where = f"position {recorded.position}"
        if commit.job_id != history[0].commit.job_id:
            return RecordCheck("chain", False, f"{where} is about another job, {commit.job_id}")
        if (commit.previous_position, commit.previous_hash) != (position, digest):
            return RecordCheck("chain", False, f"{where} does not build on {_place(position)}")
        version += len(commit.events)
        if commit.version != version:
            return RecordCheck("chain", False, f"{where} counts {commit.version} events, not {version}")
        position, digest = recorded.position, recorded.digest
    linked = f"{_number(len(history), 'commit')}, {_number(version, 'event')}"
    return RecordCheck("chain", True, f"{linked}; each names the hash of the one before")


def check_fold(history: Sequence[Recorded]) -> RecordCheck:
    """The events, folded anew, give the state that each commit carries."""
    job: Job | None = None
    compared = 0
    for recorded in history:
        commit = recorded.commit
        try:
            job = fold(job, commit.job_id, commit.events, commit.command.id)
        except (BrokenHistory, Refused) as error:
            return RecordCheck("fold", False, f"position {recorded.position}: {error}")
        if commit.fold_version == FOLD_VERSION:
            compared += 1
            if job != commit.state:
                return RecordCheck(
                    "fold", False, f"position {recorded.position} carries another state than its events make"
                )
    others = len(history) - compared
    rest = f"; {others} of another version not compared" if others else ""
    return RecordCheck("fold", True, f"{_number(compared, 'state')} that the events make anew{rest}")


def check_endings(history: Sequence[Recorded]) -> RecordCheck:
    """The job ended at most once, and once more for each retry."""
    endings, retries = 0, 0
    for recorded in history:
        for event in recorded.commit.events:
            endings += isinstance(event, TERMINAL)
            retries += isinstance(event, Retried)
            if endings > retries + 1:
                return RecordCheck(
                    "endings", False, f"position {recorded.position} ends the job once too often"
                )
    ended = f"it ended {_times(endings)}" if endings else "it has not ended yet"
    retried = f"was retried {_times(retries)}" if retries else "was never retried"
    return RecordCheck("endings", True, f"{ended} and {retried}")


def check_archive(
    history: Sequence[Recorded], archive: Mapping[int, bytes], archived_up_to: int
) -> RecordCheck:
    """The archive holds the same bytes, for every commit up to the position that it has reached."""
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
        return RecordCheck("archive", False, f"the archive lacks position {missing[0]}")
    to_come = len(logged) - len(archive)
    rest = f"; {to_come} not archived yet" if to_come else ""
    return RecordCheck(
        "archive", True, f"the database holds {len(archive)} of {len(logged)} with the same bytes{rest}"
    )


def check_files(files: Sequence[Artifact], wrong: Sequence[str], *, ended: bool) -> RecordCheck:
    """The files that the job lists; `wrong` says what is wrong with which of them."""
    if wrong:
        return RecordCheck("artifacts", False, _listed(wrong))
    if not files:
        return RecordCheck("artifacts", True, "the job lists no files" + ("" if ended else " yet"))
    return RecordCheck(
        "artifacts", True, f"{_number(len(files), 'file')} read to the end; each is what the log says"
    )


def check_erased_files(files: Sequence[Artifact], left: Sequence[str], shared: int) -> RecordCheck:
    """The files that an erased job once made; `left` names those still there, but for what other jobs made too."""
    if left:
        return RecordCheck("artifacts", False, f"erased, but still stored: {_listed(left)}")
    if not files:
        return RecordCheck("artifacts", True, "erased; the job made no files")
    kept = f"; {shared} stay, since other jobs made the same" if shared else ""
    gone = len(files) - shared
    return RecordCheck("artifacts", True, f"erased; {gone} of {_number(len(files), 'file')} gone{kept}")


def state_of(history: Sequence[Recorded]) -> Job:
    """The job that the events make; the state in its last commit when they make none."""
    job: Job | None = None
    try:
        for recorded in history:
            commit = recorded.commit
            job = fold(job, commit.job_id, commit.events, commit.command.id)
    except (BrokenHistory, Refused):
        job = None
    return job or history[-1].commit.state


def files_of(job: Job) -> list[Artifact]:
    """Files that the job lists: results and rendered scenes, each once."""
    return _once([*job.artifacts, *(scene.artifact for scene in job.scenes if scene.artifact)])


def files_ever(history: Iterable[Recorded]) -> list[Artifact]:
    """Files that the job ever made, scenes of earlier attempts too, each once."""
    made: list[Artifact] = []
    for recorded in history:
        for event in recorded.commit.events:
            match event:
                case Completed(artifacts=artifacts):
                    made += artifacts
                case SceneRendered(artifact=artifact):
                    made.append(artifact)
    return _once(made)


def scenes_of(job: Job) -> str:
    """How many scenes it has, in words."""
    return _number(len(job.scenes), "scene")


def name_of(artifact: Artifact) -> str:
    """What a file is, and its key in the artifact store."""
    return f"{artifact.kind} {artifact.key}"


def _once(files: Iterable[Artifact]) -> list[Artifact]:
    first: dict[str, Artifact] = {}
    for artifact in files:
        first.setdefault(artifact.key, artifact)
    return list(first.values())


def _listed(words: Sequence[str]) -> str:
    more = len(words) - NAMED_FILES
    return "; ".join(words[:NAMED_FILES]) + (f"; and {more} more" if more > 0 else "")


def _place(position: int) -> str:
    return f"position {position}" if position else "the beginning"


def _number(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
