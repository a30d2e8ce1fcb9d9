"""Backups of a running and of a stopped kinolog, and restores of them, by the commands."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from kinolog_client import KinologClient, Unauthorized
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.servers.master_key import OtherMasterKey, master_key_env
from tests.builders.webhook_receiver import WebhookReceiver, webhook_receiver
from tests.fixtures.damage import flip_byte, flip_in_log
from tests.fixtures.filled_folder import FilledFolder, assert_shows, proofs_of, records_of
from tests.fixtures.kinolog_command import (
    backed_up,
    kinolog,
    kinolog_here,
    kinolog_process,
    master_key,
    restored,
)
from tests.fixtures.served_folder import assert_restored, served
from tests.fixtures.waits import wait_until
from tests.fixtures.whole_stack import whole_stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]


def completed_job(filled: FilledFolder) -> str:
    """Return the id of a completed job that is not erased."""
    jobs = (record["job"] for record in filled.records.values())
    return str(next(job["job_id"] for job in jobs if job["status"] == "completed" and not job["erased"]))


HOOKS = {"KINOLOG_WEBHOOK_HTTP": "true", "KINOLOG_WEBHOOK_NETWORKS": "127.0.0.0/8"}
"""Settings that let webhooks call this machine."""


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """A receiver of webhooks."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(webhook_receiver()) as listening,
    ):
        yield listening


def delivered(client: KinologClient, webhook_id: str, messages: int) -> list[str]:
    """Return what was delivered, newest first, once it is so many messages."""

    def states() -> list[str]:
        return [each.state for each in client.deliveries(webhook_id).deliveries]

    wait_until(lambda: states() == ["delivered"] * messages, f"{messages} messages were delivered")
    return [each.model_dump_json() for each in client.deliveries(webhook_id).deliveries]


def actor_of(url: str, key: str) -> str:
    """Return as whom a key is known. Raises `Unauthorized`."""
    with KinologClient(url, api_key=key) as client:
        return client.who_am_i().actor


def test_a_backup_of_a_running_kinolog_is_restored(
    damaged_copy: Path, filled: FilledFolder, receiver: WebhookReceiver
) -> None:
    """Commits, keys, files and log lines come back in another folder; a second backup copies only what is new.

    API keys are valid as before, and a revoked one is not. A webhook is called for new events, and for no event that
    it had been told of. Both kinologs are whole ones: the one that is backed up and the one that starts on the
    restored folder.
    """
    backup, target = damaged_copy.with_name("backup"), damaged_copy.with_name("restored")
    with (
        whole_stack(damaged_copy, workers=0, env=HOOKS) as stack,
        KinologClient(stack.addresses["gateway"]) as client,
    ):
        key, revoked = client.create_key("ada"), client.create_key("eve")
        client.revoke_key(revoked.key_id)
        webhook_id = client.create_webhook(receiver.address()).webhook_id
        client.cancel(client.generate("an early heron", model="card").job_id)
        earlier = delivered(client, webhook_id, 1)
        first = backed_up(damaged_copy, backup)
        assert (first["new_artifacts"] > 0, first["lost"]) == (True, [])
        job_id = client.generate("a late heron", model="card").job_id
        records = records_of(client)
        second = backed_up(damaged_copy, backup)
        assert (second["position"], second["new_artifacts"]) == (first["position"] + 1, 0)
        assert second["keys"] == first["keys"] + 1
        lines = {each: len(client.logs(each).entries) for each in records}
    assert job_id in records
    env = HOOKS | master_key(damaged_copy)
    done = kinolog("restore", "--yes", "--json", "--from", str(backup), "--data", str(target), env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["commits"] == second["position"]
    with (
        whole_stack(target, workers=0, env=env) as stack,
        KinologClient(stack.addresses["gateway"]) as client,
    ):
        assert_shows(client, records)
        assert {each: len(client.logs(each).entries) for each in records} == lines
        assert actor_of(stack.addresses["gateway"], key.secret) == "ada"
        with pytest.raises(Unauthorized, match="revoked"):
            actor_of(stack.addresses["gateway"], revoked.secret)
        client.cancel(job_id)
        assert delivered(client, webhook_id, 2)[1:] == earlier
    assert len(receiver.accepted) == len(set(receiver.accepted)) == 2


def test_an_erased_job_leaves_the_backup(damaged_copy: Path, filled: FilledFolder) -> None:
    """The next backup has neither the key nor the files of a job that was erased since."""
    backup, done = damaged_copy.with_name("backup"), completed_job(filled)
    before = backed_up(damaged_copy, backup)
    files = {path for path in (backup / "artifacts").rglob("*") if path.is_file()}
    with served(damaged_copy) as client:
        client.erase(done)
        records_of(client)
    after = backed_up(damaged_copy, backup)
    assert after["keys"] == before["keys"] - 1
    left = {path for path in (backup / "artifacts").rglob("*") if path.is_file()}
    assert left < files
    assert all(done in str(path) for path in files - left)
    assert len(list(backup.glob("keys-*.copy"))) == 1


def test_what_was_erased_stays_erased_with_an_older_backup(damaged_copy: Path, filled: FilledFolder) -> None:
    """A restore in place erases again what was erased since the backup, also a job that waited when it was made."""
    backup, done = damaged_copy.with_name("backup"), completed_job(filled)
    artifacts, its_files = DataFolder(damaged_copy).artifacts, f"*/{done}/*"
    assert list(artifacts.rglob(its_files))
    with served(damaged_copy) as client:
        queued = client.generate("a queued heron", model="card").job_id
    backed_up(damaged_copy, backup)
    with served(damaged_copy) as client:
        client.cancel(queued)
        for job_id in (done, queued):
            client.erase(job_id)
        records_of(client)
    restored(damaged_copy, "--from", str(backup))
    assert not (damaged_copy / "restoring-erased").exists()
    assert not list(artifacts.rglob(its_files))
    with served(damaged_copy) as client:
        records = records_of(client)
        assert {job_id: wrong for job_id, wrong in proofs_of(client).items() if wrong} == {}
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
    older, done = damaged_copy.with_name("older"), completed_job(filled)
    subprocess.run(["cp", "-a", str(folder.postgres), str(older)], check=True)
    with served(damaged_copy) as client:
        client.erase(done)
        last = client.status(done).position
    shutil.rmtree(folder.postgres)
    if database == "older":
        older.rename(folder.postgres)
    restore = kinolog_here("restore", "--yes", "--from", str(backup), "--data", str(damaged_copy))
    assert restore.exit_code == 0, restore.output
    assert f"Erasures are noted up to position {last} of the log here." in restore.stderr
    assert "may be back" not in restore.stderr
    with served(damaged_copy) as client:
        assert records_of(client)[done]["job"]["erased"]


def test_a_backup_replaces_what_is_there(damaged_copy: Path, filled: FilledFolder) -> None:
    """A stopped kinolog is backed up and restored in place; what was there is set aside."""
    backup = damaged_copy.with_name("backup")
    backed_up(damaged_copy, backup)
    shutil.rmtree(damaged_copy / "postgres")
    flip_in_log(damaged_copy / "nats", 7)
    (damaged_copy / "heads.log").touch()
    found = restored(damaged_copy, "--from", str(backup))
    assert {Path(aside).name for aside in found["set_aside"]} == {"nats", "artifacts", "heads.log"}
    assert_restored(damaged_copy, filled.records)


KINDS_OF_FILES = {"log": "log/*", "artifacts": "artifacts/**/*.mp4", "keys": "keys-*"}
"""Where the files of a backup are, beside its manifest."""


def test_a_damaged_backup_is_refused_and_repaired(damaged_copy: Path, filled: FilledFolder) -> None:
    """A byte of any kind of file is named by the check and by a restore; `--verify` repairs all of them."""
    backup = damaged_copy.with_name("backup")
    backed_up(damaged_copy, backup)
    damaged = [sorted(backup.glob(pattern))[0] for pattern in KINDS_OF_FILES.values()]
    for path in damaged:
        whole = path.read_bytes()
        flip_byte(path, len(whole) // 2)
        assert_refused(backup, path, damaged_copy)
        path.write_bytes(whole)
    for path in damaged:
        flip_byte(path, path.stat().st_size // 2)
    backed_up(damaged_copy, backup, "--verify")
    assert kinolog_here("backup", str(backup), "--check", "--data", str(damaged_copy)).exit_code == 0


def test_a_backup_with_a_torn_manifest_is_refused(damaged_copy: Path, filled: FilledFolder) -> None:
    """Nothing of it is restored."""
    backup = damaged_copy.with_name("backup")
    backed_up(damaged_copy, backup)
    manifest = backup / "manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    assert_refused(backup, manifest, damaged_copy)


def assert_refused(backup: Path, damaged: Path, source: Path) -> None:
    """The check names a damaged file of a backup, and a restore into an empty folder does, and changes nothing."""
    target = source.with_name("restored")
    checked = kinolog_here("backup", str(backup), "--check")
    assert (checked.exit_code, damaged.name in checked.stderr) == (1, True)
    done = kinolog_here(
        "restore", "--yes", "--from", str(backup), "--data", str(target), env=master_key(source)
    )
    assert (done.exit_code, damaged.name in done.stderr) == (1, True)
    assert not (target / "postgres").exists()


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
    done = kinolog_here(*arguments)
    assert done.exit_code == 1
    assert "KINOLOG_MASTER_KEY_FILE" in done.stdout
    assert not (target / "secrets/master.key").exists()
    own = master_key_env(DataFolder(target), {})
    done = kinolog_here(*arguments, env=own)
    assert done.exit_code == 1
    assert "KINOLOG_MASTER_KEY_FILE" in done.stdout
    done = kinolog_here(*arguments, env=master_key(damaged_copy))
    assert done.exit_code == 0, done.output
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
    assert kinolog_here("backup", str(backup), "--check", "--data", str(damaged_copy)).exit_code == 0


def test_a_folder_of_something_else_is_refused(damaged_copy: Path, tmp_path: Path) -> None:
    """A backup is not written among other files."""
    (tmp_path / "thesis.txt").write_text("work of years")
    done = kinolog("backup", str(tmp_path), "--data", str(damaged_copy))
    assert done.returncode == 1
    assert "holds no backup; name another folder" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
