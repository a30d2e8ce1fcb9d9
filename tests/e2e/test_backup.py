"""Backups of a running and of a stopped kinolog, and restores of them, by the commands."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from kinolog_client import KinologClient
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.servers.master_key import OtherMasterKey, master_key_env
from tests.fixtures.damage import flip_byte, flip_in_log
from tests.fixtures.filled_folder import (
    FilledFolder,
    assert_restored,
    backed_up,
    kinolog,
    kinolog_process,
    master_key,
    proofs_of,
    records_of,
    restored,
)
from tests.fixtures.waits import wait_until
from tests.fixtures.whole_stack import whole_stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]


def test_a_backup_of_a_running_kinolog_is_restored(damaged_copy: Path, filled: FilledFolder) -> None:
    """Commits, keys, files and log lines come back in another folder; a second backup copies only what is new."""
    backup, target = damaged_copy.with_name("backup"), damaged_copy.with_name("restored")
    with whole_stack(damaged_copy, workers=0) as stack, KinologClient(stack.addresses["gateway"]) as client:
        first = backed_up(damaged_copy, backup)
        assert (first["new_artifacts"] > 0, first["lost"]) == (True, [])
        job_id = client.generate("a late heron", model="card").job_id
        records = records_of(stack)
        second = backed_up(damaged_copy, backup)
        assert (second["position"], second["new_artifacts"]) == (first["position"] + 1, 0)
        assert second["keys"] == first["keys"] + 1
        lines = {each: len(client.logs(each).entries) for each in records}
    assert job_id in records
    done = kinolog(
        "restore",
        "--yes",
        "--json",
        "--from",
        str(backup),
        "--data",
        str(target),
        env=master_key(damaged_copy),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["commits"] == second["position"]
    assert_restored(target, records, master_key(damaged_copy))
    with (
        whole_stack(target, workers=0, env=master_key(damaged_copy)) as stack,
        KinologClient(stack.addresses["gateway"]) as client,
    ):
        assert {each: len(client.logs(each).entries) for each in records} == lines


def test_an_erased_job_leaves_the_backup(damaged_copy: Path, filled: FilledFolder) -> None:
    """The next backup has neither the key nor the files of a job that was erased since."""
    backup = damaged_copy.with_name("backup")
    done = next(
        r["job"]
        for r in filled.records.values()
        if r["job"]["status"] == "completed" and not r["job"]["erased"]
    )
    with whole_stack(damaged_copy, workers=0) as stack, KinologClient(stack.addresses["gateway"]) as client:
        before = backed_up(damaged_copy, backup)
        files = {path for path in (backup / "artifacts").rglob("*") if path.is_file()}
        client.erase(done["job_id"])
        records_of(stack)
        after = backed_up(damaged_copy, backup)
    assert after["keys"] == before["keys"] - 1
    left = {path for path in (backup / "artifacts").rglob("*") if path.is_file()}
    assert left < files
    assert all(done["job_id"] in str(path) for path in files - left)
    assert len(list(backup.glob("keys-*.copy"))) == 1


def test_what_was_erased_stays_erased_with_an_older_backup(damaged_copy: Path, filled: FilledFolder) -> None:
    """A restore in place erases again what was erased since the backup, also a job that waited when it was made."""
    backup = damaged_copy.with_name("backup")
    done = next(
        job_id
        for job_id, record in filled.records.items()
        if record["job"]["status"] == "completed" and not record["job"]["erased"]
    )
    with whole_stack(damaged_copy, workers=0) as stack, KinologClient(stack.addresses["gateway"]) as client:
        queued = client.generate("a queued heron", model="card").job_id
        backed_up(damaged_copy, backup)
        client.cancel(queued)
        for job_id in (done, queued):
            client.erase(job_id)
        records_of(stack)
    restored(damaged_copy, "--from", str(backup))
    assert not (damaged_copy / "restoring-erased").exists()
    assert not (DataFolder(damaged_copy).artifacts / "jobs" / done).exists()
    with whole_stack(damaged_copy, workers=0) as stack:
        records = records_of(stack)
        assert {job_id: wrong for job_id, wrong in proofs_of(stack).items() if wrong} == {}
    for job_id in (done, queued):
        assert (records[job_id]["job"]["erased"], records[job_id]["job"]["prompt"]) == (True, None)
    assert [i for i, one in records.items() if one["job"]["erased"] and i not in (done, queued)] == [
        i for i, one in filled.records.items() if one["job"]["erased"]
    ]


@pytest.mark.parametrize("database", ["older", "lost"])
def test_an_erasure_that_only_the_log_holds_is_kept(
    damaged_copy: Path, filled: FilledFolder, database: str
) -> None:
    """The database lags behind the log, as on a full disk, or cannot be read: the log names the erased jobs."""
    backup, folder = damaged_copy.with_name("backup"), DataFolder(damaged_copy)
    backed_up(damaged_copy, backup)
    older = damaged_copy.with_name("older")
    subprocess.run(["cp", "-a", str(folder.postgres), str(older)], check=True)
    done = next(
        job_id
        for job_id, record in filled.records.items()
        if record["job"]["status"] == "completed" and not record["job"]["erased"]
    )
    with whole_stack(damaged_copy, workers=0) as stack, KinologClient(stack.addresses["gateway"]) as client:
        client.erase(done)
        last = client.status(done).position
    shutil.rmtree(folder.postgres)
    if database == "older":
        older.rename(folder.postgres)
    restore = kinolog("restore", "--yes", "--from", str(backup), "--data", str(damaged_copy))
    assert restore.returncode == 0, restore.stdout + restore.stderr
    assert f"Erasures are noted up to position {last} of the log here." in restore.stderr
    assert "may be back" not in restore.stderr
    with whole_stack(damaged_copy, workers=0) as stack:
        assert records_of(stack)[done]["job"]["erased"]


def test_a_backup_replaces_what_is_there(damaged_copy: Path, filled: FilledFolder) -> None:
    """A stopped kinolog is backed up and restored in place; what was there is set aside."""
    backup = damaged_copy.with_name("backup")
    backed_up(damaged_copy, backup)
    shutil.rmtree(damaged_copy / "postgres")
    flip_in_log(damaged_copy / "nats", 7)
    found = restored(damaged_copy, "--from", str(backup))
    assert {Path(aside).name for aside in found["set_aside"]} == {"nats", "artifacts"}
    assert_restored(damaged_copy, filled.records, {})


@pytest.mark.parametrize("what", ["log", "artifacts", "keys", "manifest"])
def test_a_damaged_backup_is_refused(damaged_copy: Path, filled: FilledFolder, what: str) -> None:
    """A byte of any file is named by the check, and the restore changes nothing; `--verify` repairs the backup."""
    backup, target = damaged_copy.with_name("backup"), damaged_copy.with_name("restored")
    backed_up(damaged_copy, backup)
    patterns = {
        "log": "log/*",
        "artifacts": "artifacts/**/*.mp4",
        "keys": "keys-*",
        "manifest": "manifest.json",
    }
    damaged = sorted(backup.glob(patterns[what]))[0]
    if what == "manifest":
        damaged.write_text(damaged.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    else:
        flip_byte(damaged, damaged.stat().st_size // 2)
    checked = kinolog("backup", str(backup), "--check")
    assert checked.returncode == 1
    assert damaged.name in checked.stderr
    env = master_key(damaged_copy)
    done = kinolog("restore", "--yes", "--from", str(backup), "--data", str(target), env=env)
    assert done.returncode == 1
    assert damaged.name in done.stderr
    assert not (target / "postgres").exists()
    if what != "manifest":
        backed_up(damaged_copy, backup, "--verify")
        assert kinolog("backup", str(backup), "--check", "--data", str(damaged_copy)).returncode == 0


def test_a_restore_that_was_killed_is_run_again(damaged_copy: Path, filled: FilledFolder) -> None:
    """With a part of the backup in place nothing starts on the folder; the same command brings everything."""
    backup, target = damaged_copy.with_name("backup"), damaged_copy.with_name("restored")
    backed_up(damaged_copy, backup)
    arguments = ("restore", "--yes", "--json", "--from", str(backup), "--data", str(target))
    env = master_key(damaged_copy)
    with kinolog_process(*arguments, env=env) as restoring:
        wait_until((target / "postgres").exists, "the restore has begun")
        restoring.kill()
    for verb in ("restore", "up", "backup"):
        refused = kinolog(verb, *([str(backup)] if verb == "backup" else []), "--data", str(target), env=env)
        assert refused.returncode == 1
        assert f"kinolog restore --from {backup}" in refused.stderr
    done = kinolog(*arguments, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_restored(target, filled.records, env)


def test_another_master_key_is_refused(damaged_copy: Path, filled: FilledFolder) -> None:
    """A key that does not belong to the backup is refused, and the message says what is needed.

    With the right one a folder that had a key of its own takes the backup, and then needs the key of the backup.
    """
    backup, target = damaged_copy.with_name("backup"), damaged_copy.with_name("restored")
    backed_up(damaged_copy, backup)
    arguments = ("restore", "--yes", "--json", "--from", str(backup), "--data", str(target))
    done = kinolog(*arguments)
    assert done.returncode == 1
    assert "KINOLOG_MASTER_KEY_FILE" in done.stdout
    assert not (target / "secrets/master.key").exists()
    own = master_key_env(DataFolder(target), {})
    done = kinolog(*arguments, env=own)
    assert done.returncode == 1
    assert "KINOLOG_MASTER_KEY_FILE" in done.stdout
    done = kinolog(*arguments, env=master_key(damaged_copy))
    assert done.returncode == 0, done.stdout + done.stderr
    assert {Path(aside).name for aside in json.loads(done.stdout)["set_aside"]} == {"master-key-id"}
    with pytest.raises(OtherMasterKey):
        master_key_env(DataFolder(target), own)
    assert_restored(target, filled.records, master_key(damaged_copy))


def test_a_damaged_log_is_not_backed_up(damaged_copy: Path, filled: FilledFolder) -> None:
    """The backup before it stays as it was."""
    backup = damaged_copy.with_name("backup")
    backed_up(damaged_copy, backup)
    before = (backup / "manifest.json").read_bytes()
    flip_in_log(damaged_copy / "nats", 7)
    done = kinolog("backup", str(backup), "--data", str(damaged_copy))
    assert done.returncode == 1
    assert "nothing was backed up" in done.stderr
    assert (backup / "manifest.json").read_bytes() == before
    assert kinolog("backup", str(backup), "--check", "--data", str(damaged_copy)).returncode == 0


def test_a_folder_of_something_else_is_refused(damaged_copy: Path, tmp_path: Path) -> None:
    """A backup is not written among other files."""
    (tmp_path / "thesis.txt").write_text("work of years")
    done = kinolog("backup", str(tmp_path), "--data", str(damaged_copy))
    assert done.returncode == 1
    assert "holds no backup; name another folder" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
