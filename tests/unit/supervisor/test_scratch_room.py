"""A worker without room for temporary files takes no ticket: the jobs are there for workers that have room."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from kinolog_worker.attempt import scratch_room
from kinolog_worker.attempt.scratch_folder import remove_dead_folders, scratch_folder
from kinolog_worker.attempt.scratch_room import FIRST_BYTES, ScratchRoom
from kinolog_worker.queue.ticket_handler import TicketHandler

from kinolog.job.values import Status
from kinolog.ports.alarms import Alarm
from kinolog.ports.tickets import Coldness, HeldTicket
from kinolog.process_folders import LOCK
from tests.adapters.memory.alarms import MemoryAlarms
from tests.builders.memory_worker import ME, START, MemoryWorker, issued, supervised
from tests.builders.scripted_inference import failing, rendering
from tests.fixtures.mounted_disks import MountPoint
from tests.fixtures.waits import WAIT_SECONDS, until


class ScratchDisk:
    """The disk of the temporary files, with so many bytes free."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = 1 << 40
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=1 << 41, free=self.free))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> ScratchDisk:
    """A disk with room, at which a worker looks all the time."""
    monkeypatch.setattr(scratch_room, "LOOK_SECONDS", 0.001)
    return ScratchDisk(monkeypatch)


@pytest.fixture
def memory_worker(tmp_path: Path) -> MemoryWorker:
    """A worker without jobs."""
    return MemoryWorker(tmp_path)


async def the_alarm(memory_worker: MemoryWorker) -> Alarm:
    """Wait for the alarm."""
    (alarm,) = await until(memory_worker.alarms.current, "an alarm")
    return alarm


@pytest.mark.parametrize("idle", [True, False])
async def test_the_jobs_are_there_for_others(
    memory_worker: MemoryWorker, disk: ScratchDisk, idle: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose disk is full, at its start or while it waits, leaves the first delivery to another worker."""
    take, taking = memory_worker.dependencies.queue.take, asyncio.Event()

    async def noted_take(model_classes: Sequence[str], coldness: Coldness, *_: object) -> HeldTicket:
        taking.set()
        return await take(model_classes)

    monkeypatch.setattr(memory_worker.dependencies.queue, "take", noted_take)
    disk.free = 1 << 40 if idle else 0
    async with supervised(memory_worker):
        if idle:
            await taking.wait()
        disk.free = 0
        alarm = await the_alarm(memory_worker)
        assert (alarm.name, alarm.source) == ("storage-full-scratch", ME)
        assert "takes no job until then" in alarm.text
        job_id = await issued(memory_worker)
        async with asyncio.timeout(WAIT_SECONDS):
            held = await memory_worker.issuer.queue().take(["tiny"])
        assert (held.ticket.job_id, held.deliveries) == (job_id, 1)
        await held.release()
        disk.free = FIRST_BYTES
        await memory_worker.until(job_id, lambda job: job.status is Status.COMPLETED)
        assert not await memory_worker.alarms.current()


async def test_a_ticket_that_comes_while_the_disk_fills_is_released(
    memory_worker: MemoryWorker, disk: ScratchDisk
) -> None:
    """A ticket that was taken already returns at once, and nothing is recorded about its job."""
    job_id = await memory_worker.submit()
    held = await memory_worker.ticket(job_id)
    events = await memory_worker.events(job_id)
    disk.free = 0
    async with asyncio.timeout(WAIT_SECONDS):
        await memory_worker.ticket_handler.handle(held)
        again = await memory_worker.issuer.queue().take(["tiny"])
    assert again.deliveries == 2
    assert await memory_worker.events(job_id) == events


async def test_a_worker_that_waits_for_room_can_be_stopped(
    memory_worker: MemoryWorker, disk: ScratchDisk
) -> None:
    """The wait for room ends with the worker, and its alarm with it."""
    disk.free = 0
    async with supervised(memory_worker):
        await the_alarm(memory_worker)
    assert not await memory_worker.alarms.current()


async def test_a_full_scratch_disk_uses_no_attempt(memory_worker: MemoryWorker, disk: ScratchDisk) -> None:
    """An attempt that runs out of room is not counted, and the worker waits for twice the room."""
    memory_worker.inference.script = failing("SCRATCH_FULL", retryable=True)
    job_id = await memory_worker.submit()
    for number in range(1, 6):
        job = await memory_worker.work(job_id)
        assert (job.status, job.last_attempt) == (Status.QUEUED, job.max_attempts + number)
        memory_worker.now = job.not_before or memory_worker.now
    memory_worker.inference.script = rendering
    room = memory_worker.ticket_handler.room
    disk.free = FIRST_BYTES * 2**5 - 1
    waiting = asyncio.create_task(room.wait())
    await the_alarm(memory_worker)
    disk.free += 1
    async with asyncio.timeout(WAIT_SECONDS):
        await waiting
    assert (await memory_worker.work(job_id)).status is Status.COMPLETED
    assert room.needed_bytes == FIRST_BYTES


def test_a_job_needs_at_most_half_of_the_disk(tmp_path: Path, disk: ScratchDisk) -> None:
    """However often jobs ran out of room, an empty disk is enough."""
    room = ScratchRoom(tmp_path, MemoryAlarms(), lambda: START)
    for _ in range(60):
        room.ran_out()
    disk.free = 1 << 40
    assert room.suffices()
    disk.free -= 1
    assert not room.suffices()


@pytest.mark.parametrize("lost", ["one", "one/.in-use"])
def test_a_folder_that_was_deleted_is_made_again(tmp_path: Path, lost: str) -> None:
    """A worker whose folder was cleaned away goes on, and whoever starts after its death still finds the folder."""
    with scratch_folder(tmp_path, "one") as folder:
        room = ScratchRoom(folder, MemoryAlarms(), lambda: START)
        room.needed_bytes = 0
        away = tmp_path.parent / f"{tmp_path.name}-away"
        (tmp_path / lost).rename(away)
        assert room.suffices()
        assert remove_dead_folders(tmp_path) == []
        assert (folder / LOCK).is_file()
        del room  # as when the process dies
        assert [worker.name for worker in remove_dead_folders(tmp_path)] == ["one"]


def test_a_root_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    """A cleaner of temporary files may delete the folder of all workers: it comes back with its owner and mode."""
    root = tmp_path / "above" / "kinolog-worker"
    with scratch_folder(root, "one") as folder:
        root.chmod(0o750)
        room = ScratchRoom(folder, MemoryAlarms(), lambda: START)
        room.needed_bytes = 0
        before = root.stat()
        shutil.rmtree(tmp_path / "above")
        assert room.is_out()  # an attempt that lost it is not to blame
        assert room.suffices()
        assert (folder / LOCK).is_file()
        after = root.stat()
        assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
        assert remove_dead_folders(root) == []


@pytest.mark.parametrize("left", [True, False], ids=["with its mount point", "without it"])
@pytest.mark.parametrize("other", [True, False], ids=["another disk", "the same disk"])
def test_a_disk_that_is_away_is_not_replaced_by_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: bool, other: bool
) -> None:
    """Nothing is written where the disk was, nor into an empty mount point. Whatever disk is mounted then is used."""
    mount_point = MountPoint(tmp_path / "scratch", monkeypatch)
    mount_point.mount(tmp_path / "disk", 1)
    with scratch_folder(mount_point.path / "worker-1", "one") as folder:
        room = ScratchRoom(folder, MemoryAlarms(), lambda: START)
        room.needed_bytes = 0
        mount_point.unmount(leave=left)
        assert not room.suffices()
        assert room.is_out()
        assert not mount_point.path.exists() or not list(mount_point.path.iterdir())
        mount_point.mount(tmp_path / ("other" if other else "disk"), 2)
        assert room.suffices()
        assert (folder / LOCK).is_file()
        mount_point.unmount(leave=left)
        assert not room.suffices()
        mount_point.mount(tmp_path / "disk", 3)
        assert room.suffices()


async def test_an_attempt_without_the_folder_of_its_worker_is_not_counted(
    memory_worker: MemoryWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that goes away as an attempt starts is not replaced, and the job is not to blame."""
    memory_worker.dependencies = replace(memory_worker.dependencies, scratch=tmp_path / "disk" / "one")
    memory_worker.ticket_handler = TicketHandler(memory_worker.dependencies)
    monkeypatch.setattr(memory_worker.ticket_handler.room, "suffices", lambda: True)  # before it goes away
    job = await memory_worker.work(await memory_worker.submit())
    assert job.attempts[0].error is not None
    assert (job.attempts[0].error.code, job.last_attempt) == ("SCRATCH_FULL", job.max_attempts + 1)
    assert os.listdir(tmp_path) == []


async def test_a_folder_that_cannot_be_used_is_an_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No job starts without a folder for its files, and an attempt that loses it is not to blame."""
    monkeypatch.setattr(scratch_room, "LOOK_SECONDS", 0.001)
    (tmp_path / "file").write_text("in the way")
    alarms = MemoryAlarms(ME)
    room = ScratchRoom(tmp_path / "file" / "worker", alarms, lambda: START)
    room.needed_bytes = 0
    assert room.is_out()
    waiting = asyncio.create_task(room.wait())
    (alarm,) = await until(alarms.current, "an alarm")
    assert "cannot be used (Not a directory)" in alarm.text
    assert f"make the folder {tmp_path / 'file'} again; this worker takes no job until then" in alarm.text
    (tmp_path / "file").unlink()
    (tmp_path / "file").mkdir()
    async with asyncio.timeout(WAIT_SECONDS):
        await waiting
    assert not await alarms.current()
