"""Backups and restores at bad times: while jobs run, killed half-way, one after the other, and from a folder in use."""

from __future__ import annotations

import json
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kinolog_client import JobEnded, KinologClient
from tests.fixtures.filled_folder import FilledFolder
from tests.fixtures.kinolog_command import backed_up, kinolog, kinolog_process, master_key, restored
from tests.fixtures.programs import frozen
from tests.fixtures.served_folder import assert_restored
from tests.fixtures.waits import wait_until
from tests.fixtures.whole_stack import whole_stack

pytestmark = [pytest.mark.slow, pytest.mark.drill, pytest.mark.timeout(420)]


def checked(backup: Path) -> Any:
    """Check a backup, and return what the check reports."""
    done = kinolog("backup", str(backup), "--check", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def in_status(client: KinologClient, status: str) -> set[str]:
    """Return the ids of the jobs in a status."""
    return {job.job_id for job in client.jobs(limit=100).jobs if job.status == status}


def has_lines(client: KinologClient, job_id: str) -> bool:
    """Return whether log lines of a job are stored."""
    return bool(client.logs(job_id).entries)


def test_jobs_that_run_during_a_backup_complete_after_a_restore(
    damaged_copy: Path, filled: FilledFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A running and waiting jobs are in the backup. On the restored folder each ends, with its log lines and proofs.

    The worker is held meanwhile, so that the job that runs is the one in the backup.
    """
    backup, target = damaged_copy.with_name("backup"), damaged_copy.with_name("restored")
    monkeypatch.setenv("KINOLOG_SILENT_SECONDS", "0")
    with (
        whole_stack(damaged_copy) as stack,
        KinologClient(stack.addresses["gateway"]) as client,
    ):
        running = wait_until(lambda: in_status(client, "processing"), "a job runs").pop()
        pid = stack.process("worker-1").pid
        assert pid is not None
        with frozen(pid):
            late = client.generate("a late heron", model="card")
            assert client.jobs(limit=100, min_position=late.position).jobs
            backed_up(damaged_copy, backup)
            assert in_status(client, "processing") == {running}
            unfinished = {running} | in_status(client, "queued")
    assert late.job_id in unfinished
    env = master_key(damaged_copy)
    restored(target, "--from", str(backup), env=env)
    with whole_stack(target, env=env) as stack, KinologClient(stack.addresses["gateway"]) as client:
        for job_id in unfinished:
            *_, last = client.watch(job_id)
            assert isinstance(last, JobEnded)
            assert last.state.status == "completed"
            wait_until(partial(has_lines, client, job_id), f"the log lines of {job_id} are stored")
            assert [check.name for check in client.verify(job_id).checks if not check.holds] == []


def test_a_backup_that_was_killed_is_made_again(damaged_copy: Path, filled: FilledFolder) -> None:
    """The backup of before stays whole; the next one takes over what was copied, and leaves nothing else behind."""
    backup = damaged_copy.with_name("backup")
    with whole_stack(damaged_copy, workers=0) as stack, KinologClient(stack.addresses["gateway"]) as client:
        before = backed_up(damaged_copy, backup)
        client.generate("a late heron", model="card")
        keys = set(backup.glob("keys-*"))
        with kinolog_process("backup", str(backup), "--data", str(damaged_copy)) as making:
            wait_until(lambda: set(backup.glob("keys-*")) - keys, "the backup has begun")
            os.killpg(making.pid, signal.SIGKILL)
        assert checked(backup)["position"] >= before["position"]
        again = backed_up(damaged_copy, backup)
    assert (again["position"], checked(backup)["position"]) == (before["position"] + 1,) * 2
    assert len(list(backup.glob("keys-*"))) == 1
    assert list(backup.rglob("*.unfinished")) == []


def test_a_backup_is_restored_twice(damaged_copy: Path, filled: FilledFolder) -> None:
    """The second restore sets aside what the first has made, and everything is there again."""
    backup = damaged_copy.with_name("backup")
    backed_up(damaged_copy, backup)
    first = restored(damaged_copy, "--from", str(backup))
    second = restored(damaged_copy, "--from", str(backup))
    assert (first["commits"], first["hash"]) == (second["commits"], second["hash"])
    assert all(Path(aside).exists() for aside in (*first["set_aside"], *second["set_aside"]))
    assert_restored(damaged_copy, filled.records)


def test_a_restore_that_cannot_be_made_changes_nothing(damaged_copy: Path, filled: FilledFolder) -> None:
    """Over a running kinolog, and from a folder that it would set aside: refused, with what to do."""
    inside = damaged_copy / "artifacts" / "backup"
    backed_up(damaged_copy, inside)
    done = kinolog("restore", "--yes", "--from", str(inside), "--data", str(damaged_copy))
    assert (done.returncode, "which the restore sets aside" in done.stderr) == (1, True)
    outside = damaged_copy.with_name("backup")
    inside.rename(outside)
    with whole_stack(damaged_copy, workers=0):
        done = kinolog("restore", "--yes", "--from", str(outside), "--data", str(damaged_copy))
        assert (done.returncode, "already runs" in done.stderr) == (1, True)
    assert_restored(damaged_copy, filled.records)
