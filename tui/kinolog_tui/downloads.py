"""The files that the dashboard downloads. Those of an erased job are deleted at once, all others when it ends."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Literal
from weakref import finalize

from kinolog.process_folders import dead_folders, mark_in_use
from kinolog_client import AsyncKinologClient, GatewayError, JobInfo
from kinolog_client.partial_file import partial_file

if TYPE_CHECKING:  # numpy is imported later
    from kinolog_tui.graphics.clip_decoder import Picture

PREFIX = "kinolog-tui-"


class JobErased(OSError):
    """The file was not downloaded, or was deleted again: its job is erased."""


class DownloadFolder:
    """A temporary folder for the files of jobs, and small pictures decoded from them.

    A dashboard is open for days, and a cleaner of temporary files may delete the folder: `open` makes another one.
    """

    def __init__(self) -> None:
        self._make()
        self._erased: set[str] = set()
        self.pictures: dict[str, Picture] = {}
        """The thumbnails of jobs that were selected in the list."""

    def _make(self) -> None:
        self.path = Path(mkdtemp(prefix=PREFIX))
        lock = None
        with suppress(OSError):  # without locks on its file system, no other dashboard finds it
            lock = mark_in_use(self.path)
        self._cleanup = finalize(self, _remove, self.path, lock)

    def open(self) -> Path:
        """Return the folder. If it is gone, make another one, under a new name: anyone may have the old one by now.

        Raises `OSError`.
        """
        if not _is_own_folder(self.path):
            self.close()
            self._make()
        return self.path

    def file(self, job_id: str, name: str) -> Path:
        """Return the place of a file of a job. `name` follows the id."""
        return self.path / f"{job_id}{name}"

    async def fetch(
        self,
        client: AsyncKinologClient,
        job_id: str,
        name: str,
        kind: Literal["video", "thumbnail", "scene", "scene_thumbnail"],
        scene: int | None = None,
        on_progress: Callable[[int, int | None], object] | None = None,
    ) -> Path:
        """Return a file of a job, downloaded if it is not here. Raises `GatewayError`, `OSError`, `JobErased`."""
        self.check(job_id)
        self.open()
        file = self.file(job_id, name)
        if not file.exists():
            try:
                if kind == "video":
                    await client.download(job_id, file, on_progress=on_progress)
                else:
                    with partial_file(file) as part:  # no flush: the folder does not outlive this process
                        async for chunk in client.stream(job_id, file=kind, scene=scene):
                            part.write(chunk)
            except (GatewayError, OSError):
                self.check(job_id)  # an erasure meanwhile is the cause: it deleted what was received
                raise
        self.check(job_id)
        return file

    def is_erased(self, job_id: str) -> bool:
        """Return whether a job is known to be erased."""
        return job_id in self._erased

    def check(self, job_id: str) -> None:
        """Raise `JobErased`, and delete what was downloaded meanwhile, if the job is erased."""
        if self.is_erased(job_id):
            self._delete(job_id)
            raise JobErased(f"job {job_id} is erased")

    def forget(self, job: JobInfo) -> None:
        """Delete the files and pictures of a job if it is erased."""
        if job.erased and job.job_id not in self._erased:
            self._erased.add(job.job_id)
            self.pictures.pop(job.job_id, None)
            self._delete(job.job_id)

    def close(self) -> None:
        """Delete the folder."""
        self._cleanup()

    def _delete(self, job_id: str) -> None:
        with suppress(OSError):  # the folder is gone, and the files with it
            for file in self.path.iterdir():
                if job_id in file.name:
                    file.unlink(missing_ok=True)


def _remove(folder: Path, lock: int | None) -> None:
    """Delete a folder and give its lock back."""
    shutil.rmtree(folder, ignore_errors=True)
    if lock is not None:
        os.close(lock)


def _is_own_folder(path: Path) -> bool:
    """Return whether a folder of this user is there, and no link to one."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def remove_dead_folders(root: Path) -> None:
    """Delete the folders of dashboards of this user that were killed."""
    for folder in dead_folders(filter(_is_own_folder, root.glob(f"{PREFIX}*"))):
        shutil.rmtree(folder, ignore_errors=True)
