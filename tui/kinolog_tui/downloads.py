"""The files that the dashboard downloads. Those of an erased job are deleted at once, all others when it ends."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import TYPE_CHECKING, Literal

from kinolog_client import AsyncKinologClient, JobInfo
from kinolog_client.http.partial_file import partial_file

if TYPE_CHECKING:  # numpy is imported later
    from kinolog_tui.graphics.clip_decoder import Picture

PREFIX = "kinolog-tui-"
LOCK = ".in-use"
"""File in a dashboard's folder that its process locks for as long as it lives."""


class JobErased(OSError):
    """The file was not downloaded, or was deleted again: its job is erased."""


class DownloadFolder:
    """A temporary folder for the files of jobs, and small pictures decoded from them."""

    def __init__(self) -> None:
        remove_dead_folders(Path(gettempdir()))
        self._folder = TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
        self.path = Path(self._folder.name)
        draft = self.path / f"{LOCK}-draft"
        self._lock = draft.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        draft.rename(self.path / LOCK)  # locked before another dashboard can find it
        self._erased: set[str] = set()
        self.pictures: dict[str, Picture] = {}
        """The thumbnails of jobs that were selected in the list."""

    def file(self, job_id: str, name: str) -> Path:
        """Return the place of a file of a job. `name` follows the id."""
        return self.path / f"{job_id}{name}"

    async def fetch(
        self,
        client: AsyncKinologClient,
        job_id: str,
        name: str,
        kind: Literal["thumbnail", "scene"],
        scene: int | None = None,
    ) -> Path:
        """Return a file of a job, downloaded if it is not here. Raises `GatewayError`, `OSError`."""
        file = self.file(job_id, name)
        if not file.exists():
            with partial_file(file) as part:  # no flush: the folder does not outlive this process
                async for chunk in client.stream(job_id, file=kind, scene=scene):
                    part.write(chunk)
        self.check(job_id)
        return file

    def check(self, job_id: str) -> None:
        """Raise `JobErased`, and delete what was downloaded meanwhile, if the job is erased."""
        if job_id in self._erased:
            self._delete(job_id)
            raise JobErased(f"job {job_id} is erased")

    def forget(self, job: JobInfo) -> None:
        """Delete the files and pictures of a job if it is erased."""
        if job.erased:
            self._erased.add(job.job_id)
            self.pictures.pop(job.job_id, None)
            self._delete(job.job_id)

    def close(self) -> None:
        """Delete the folder."""
        self._lock.close()
        self._folder.cleanup()

    def _delete(self, job_id: str) -> None:
        for file in self.path.iterdir():
            if job_id in file.name:
                file.unlink(missing_ok=True)


def remove_dead_folders(root: Path) -> None:
    """Delete the folders of dashboards of this user that were killed."""
    for lock_path in root.glob(f"{PREFIX}*/{LOCK}"):
        folder = lock_path.parent
        with suppress(OSError):  # its dashboard lives, or another one deletes it
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            with lock_path.open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
