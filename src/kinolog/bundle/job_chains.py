"""The commits of each job in a bundle: each names the one before it, and none between them is missing."""

from __future__ import annotations

from dataclasses import dataclass

from kinolog.bundle.contents import BundleInvalid, BundleSelection
from kinolog.v1 import event_pb2 as ev


@dataclass(slots=True)
class _Tail:
    """The last commit of a job that was seen."""

    position: int
    digest: bytes
    version: int


class JobChains:
    """Checks the commits of all jobs, in the order of their positions."""

    def __init__(self, selection: BundleSelection) -> None:
        self._selection = selection
        self._tails: dict[str, _Tail] = {}
        self.begun_before: set[str] = set()
        """Jobs whose first commit is not in the bundle."""

    @property
    def jobs(self) -> int:
        """The number of jobs."""
        return len(self._tails)

    def add(self, position: int, commit: ev.Commit, digest: bytes) -> None:
        """Check the next commit. Raises `BundleInvalid` if it does not continue its job."""
        tail = self._tails.get(commit.job_id)
        named = commit.previous_position
        if named >= position or (tail is not None and named < tail.position):
            raise BundleInvalid(
                f"position {position}: it does not continue job {commit.job_id}: it follows {named}"
            )
        if tail is None:
            self._begin(position, commit)
        elif named == tail.position:
            if commit.previous_hash != tail.digest:
                raise BundleInvalid(
                    f"position {position}: it names another commit than that at {named} as the one before"
                )
            if commit.version != tail.version + len(commit.events):
                raise BundleInvalid(f"position {position}: events before it are missing")
        elif self._selection.has_whole_jobs:
            raise BundleInvalid(
                f"position {position}: the commit at {named}, of the same job, is not in the bundle"
            )
        self._tails[commit.job_id] = _Tail(position, digest, commit.version)

    def _begin(self, position: int, commit: ev.Commit) -> None:
        if not commit.previous_position:
            if commit.previous_hash or commit.version != len(commit.events):
                raise BundleInvalid(f"position {position}: the first commit of its job names one before")
            return
        if self._selection.has_whole_jobs and commit.previous_position >= self._selection.first_position:
            raise BundleInvalid(
                f"position {position}: the commit at {commit.previous_position}, of the same job, is not in the bundle"
            )
        self.begun_before.add(commit.job_id)
