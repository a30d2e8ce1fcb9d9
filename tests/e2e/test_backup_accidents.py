"""Backups and restores at bad times: killed half-way, one after the other, and from a folder in use."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kinolog_client import KinologClient
from tests.e2e.test_backup import assert_restored, backed_up
from tests.fixtures.filled_folder import FilledFolder, kinolog, restored
from tests.fixtures.waits import wait_until
from tests.fixtures.whole_stack import whole_stack
from tests.renderers.installed import PYTHONPATH

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]


def checked(backup: Path) -> Any:
    """Check a backup, and return what the check reports."""
    done = kinolog("backup", str(backup), "--check", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_backup_that_was_killed_is_made_again(damaged_copy: Path, filled: FilledFolder) -> None:
    """The backup of before stays whole; the next one takes over what was copied, and leaves nothing else behind."""
    backup = damaged_copy.with_name("backup")
    with whole_stack(damaged_copy, workers=0) as stack, KinologClient(stack.addresses["gateway"]) as client:
        before = backed_up(damaged_copy, backup)
        client.generate("a late heron", model="card")
        keys = set(backup.glob("keys-*"))
        command = [
            sys.executable,
            "-m",
            "kinolog_cli.app",
            "backup",
            str(backup),
            "--data",
            str(damaged_copy),
        ]
        with subprocess.Popen(
            command, env=os.environ | {"PYTHONPATH": PYTHONPATH}, start_new_session=True
        ) as making:
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
    assert_restored(damaged_copy, filled.records, {})


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
    assert_restored(damaged_copy, filled.records, {})
