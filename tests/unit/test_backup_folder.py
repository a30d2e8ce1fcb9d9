"""The folder of a backup: whole after a power cut, made by one at a time, and read with suspicion."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kinolog.backup.folder import MANIFEST, BackupFolder, record
from kinolog.backup.manifest import BackupFile, Manifest, Segment, UnusableBackup, parse_manifest
from kinolog.ports.raw_log import RawCommit
from kinolog_cli.app import app
from kinolog_cli.exit_codes import ExitCode
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.errors import StartError
from kinolog_stack.recovery.backup_restoration import check_fit, copy_files
from tests.fixtures.flushes import Flushes, failing_flushes

VIDEO = b"a video"
KEY = f"jobs/{'a' * 26}/{sha256(VIDEO).hexdigest()}.mp4"
MASTER_KEY = "ab" * 32


def written(folder: BackupFolder, name: str, content: bytes, rows: int = 0) -> BackupFile:
    """Write a file of a backup."""
    with folder.writer(name) as file:
        file.write(content)
    return file.written(rows)


def made(path: Path, stamp: str = "20260101T000000000000", master_key: str = "") -> Manifest:
    """Make a backup of one commit, a key and a video."""
    folder = BackupFolder(path)
    with folder.prepared():
        log = written(folder, f"log/{1:012d}-{1:012d}.commits", b"commit", 1)
        segment = Segment(
            path=log.path, size_bytes=log.size_bytes, sha256=log.sha256, rows=1, first=1, last=1
        )
        tables = {name: written(folder, f"{name}-{stamp}.copy", b"rows") for name in ("keys", "log_lines")}
        manifest = Manifest(
            kinolog="0.1.0",
            made_at="2026-01-01T00:00:00+00:00",
            position=1,
            master_keys=(master_key,) if master_key else (),
            segments=(segment,),
            tables=tables,
            artifacts=(written(folder, f"artifacts/{KEY}", VIDEO),),
        )
        folder.write_manifest(manifest)
    return manifest


def test_a_power_cut_leaves_a_whole_backup(tmp_path: Path, flushes: Flushes) -> None:
    """The manifest has its name only when each file that it names is flushed, with its name and its folders."""
    path = tmp_path / "backups" / "kinolog"
    made(path)
    renames = [place for kind, place in flushes.paths if kind == "rename"]
    assert renames[-1] == path / MANIFEST
    assert len(renames) == 5
    end = flushes.paths.index(("rename", path / MANIFEST))
    flushed_last = {
        place: number for number, (kind, place) in enumerate(flushes.paths[:end]) if kind == "flush"
    }
    for place in renames[:-1]:
        assert flushed_last[place.parent] > flushes.paths.index(("rename", place))
        for folder in place.relative_to(tmp_path).parents:
            assert tmp_path / folder in flushed_last
    assert flushes.paths[end + 1] == ("flush", path)


def test_the_files_of_before_go_after_the_manifest_is_flushed(tmp_path: Path) -> None:
    """Until the new manifest is on the disk, a power cut brings back the old one, which needs its files."""
    old = made(tmp_path)
    folder = BackupFolder(tmp_path)
    with folder.prepared():
        keys = written(folder, "keys-20260202T000000000000.copy", b"new rows")
        new = replace(old, tables={**old.tables, "keys": keys})
        with failing_flushes(errno.EIO), pytest.raises(UnusableBackup, match="Input/output error"):
            folder.write_manifest(new)
    assert folder.checked_manifest() == old


def test_one_backup_at_a_time(tmp_path: Path) -> None:
    """A second backup into a folder would delete the files of the first; a check or a restore would miss them."""
    made(tmp_path)
    folder, other = BackupFolder(tmp_path), BackupFolder(tmp_path)
    with folder.prepared():
        for entered in (other.prepared, other.unchanged):
            with pytest.raises(UnusableBackup, match="is in use"), entered():
                pass
    third = BackupFolder(tmp_path).prepared()
    with folder.unchanged(), other.unchanged(), pytest.raises(UnusableBackup, match="is in use"), third:
        pass
    with other.prepared():
        pass


def test_what_an_interrupted_backup_left_is_used_or_deleted(tmp_path: Path) -> None:
    """A whole file of a job need not be copied again; a part of one, and tables that no manifest names, are deleted."""
    manifest = made(tmp_path)
    (tmp_path / "keys-20260202T000000000000.copy").write_bytes(b"rows")
    (tmp_path / f"artifacts/{KEY}.unfinished").write_bytes(b"a vi")
    folder = BackupFolder(tmp_path)
    with folder.prepared():
        assert folder.copied_before(f"artifacts/{KEY}", sha256(VIDEO).hexdigest()) == manifest.artifacts[0]
        assert folder.copied_before(f"artifacts/{KEY}", sha256(b"other").hexdigest()) is None
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {Path(file.path).name for file in manifest.files} | {MANIFEST, "lock"}


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    """The message says that the backup of before is as it was, and no part of a file is left."""
    made(tmp_path)
    folder = BackupFolder(tmp_path)
    refused = pytest.raises(UnusableBackup, match=r"No space left on device.*is as it was")
    with folder.prepared(), failing_flushes(), refused:
        written(folder, "keys-20260202T000000000000.copy", b"rows")
    assert len(list(tmp_path.glob("keys-*"))) == 1
    folder.checked_manifest()


def test_every_changed_byte_of_the_manifest_is_noticed(tmp_path: Path) -> None:
    """Whatever is another one, the manifest is refused. Only the name of its own hash may be: then it has none."""
    whole = made(tmp_path)
    content = (tmp_path / MANIFEST).read_bytes()
    for offset in range(len(content)):
        flipped = bytearray(content)
        flipped[offset] ^= 1
        try:
            found = parse_manifest(flipped.decode())
        except (UnusableBackup, ValueError, KeyError, TypeError):
            continue
        assert found == whole
        assert b'"sha256"' not in flipped.splitlines()[-2]


def test_a_changed_manifest_is_named(tmp_path: Path) -> None:
    """Whatever is wrong with the file, the message names it and what to do."""
    made(tmp_path)
    content = (tmp_path / MANIFEST).read_bytes()
    assert b"2026" in content
    for changed in (content.replace(b"2026", b"2027"), content[:-20], b"[]", b"{}", b"\xff"):
        (tmp_path / MANIFEST).write_bytes(changed)
        with pytest.raises(UnusableBackup, match=rf"{MANIFEST} cannot be read \(.*\); use another backup"):
            BackupFolder(tmp_path).manifest()


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "artifacts/../../passwd",
        f"artifacts/{KEY.replace('a' * 26, '../../secrets')}",
        f"artifacts/{KEY.replace('.mp4', '.MP4')}",
    ],
)
def test_a_manifest_cannot_name_files_elsewhere(tmp_path: Path, path: str) -> None:
    """A restore reads and writes below its folders only, whoever wrote the manifest."""
    manifest = made(tmp_path)
    (video,) = manifest.artifacts
    (segment,) = manifest.segments
    keys = manifest.tables["keys"]
    for other in (
        replace(manifest, artifacts=(replace(video, path=path),)),
        replace(manifest, segments=(replace(segment, path=path),)),
        replace(manifest, tables={**manifest.tables, "keys": replace(keys, path=path)}),
    ):
        with pytest.raises(ValueError, match=r"no path of a file|not an artifact key"):
            parse_manifest(other.to_text())


def test_a_manifest_names_every_commit_and_table(tmp_path: Path) -> None:
    """Commits that no segment holds, and a table that is missing, are noticed before anything is restored."""
    manifest = made(tmp_path)
    (segment,) = manifest.segments
    for other in (
        replace(manifest, position=2),
        replace(manifest, segments=()),
        replace(manifest, segments=(segment, segment)),
        replace(manifest, tables={"keys": manifest.tables["keys"]}),
    ):
        with pytest.raises(ValueError, match=r"position|it names no log_lines"):
            parse_manifest(other.to_text())


def test_versions_of_the_manifest(tmp_path: Path) -> None:
    """One of before, without a hash over itself, is read; one of a newer kinolog is refused by name."""
    manifest = made(tmp_path)
    content = json.loads(manifest.to_text())
    del content["sha256"]
    assert parse_manifest(json.dumps(content)) == manifest
    (tmp_path / MANIFEST).write_text(json.dumps({**content, "format": 2, "kinolog": "9.0"}))
    with pytest.raises(UnusableBackup, match=r"made by a newer kinolog \(9\.0\): upgrade"):
        BackupFolder(tmp_path).manifest()


def test_a_backup_that_does_not_fit_is_refused_before_anything_changes(tmp_path: Path) -> None:
    """The message names the disk, and how much is needed."""
    manifest = made(tmp_path / "backup")
    data = DataFolder(tmp_path / "data")
    check_fit(manifest, data)
    (video,) = manifest.artifacts
    too_large = replace(manifest, artifacts=(replace(video, size_bytes=1 << 62),))
    with pytest.raises(
        StartError, match=r"needs at least [0-9,]+ MiB on the disk with .*the videos"
    ) as refused:
        check_fit(too_large, data)
    assert "Nothing was changed" in refused.value.remedy


def test_a_file_that_cannot_be_restored_leaves_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk, and where the backup was changed meanwhile; what could be restored is whole."""
    manifest, folder = made(tmp_path / "backup"), BackupFolder(tmp_path / "backup")
    artifacts = tmp_path / "artifacts"

    def restored() -> list[str]:
        return [path.name for path in artifacts.rglob("*") if path.is_file()]

    with failing_flushes(), pytest.raises(OSError, match="No space left"):
        copy_files(folder, manifest.artifacts, artifacts)
    assert restored() == []
    (folder.path / manifest.artifacts[0].path).write_bytes(b"a vide0")
    with pytest.raises(UnusableBackup, match="was changed while it was restored"):
        copy_files(folder, manifest.artifacts, artifacts)
    assert restored() == []
    (folder.path / manifest.artifacts[0].path).write_bytes(VIDEO)
    copy_files(folder, manifest.artifacts, artifacts)
    assert restored() == [Path(KEY).name]


def check(path: Path, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Run `kinolog backup --check` where there is no data folder. Return status and output."""
    settings = {"KINOLOG_DATA": "/nonexistent", **(env or {})}
    done = CliRunner().invoke(app, ["backup", str(path), "--check"], env=settings)
    return done.exit_code, done.output


def test_a_backup_is_checked_with_nothing_but_its_folder(tmp_path: Path) -> None:
    """Neither a data folder nor the master key is needed; a key that is given is compared."""
    own, other = "00f2a3c9a7c8e1d4", {"KINOLOG_MASTER_KEY": MASTER_KEY}
    made(tmp_path, master_key=own)
    status, output = check(tmp_path)
    assert (status, "is whole: 1 commit," in output) == (ExitCode.OK, True)
    assert f"master key {own}, which is not on this machine" in output
    status, output = check(tmp_path, {"KINOLOG_MASTER_KEY_FILE": ""})  # as for `kinolog up`, it is not set
    assert (status, "is not on this machine" in output) == (ExitCode.OK, True)
    status, output = check(tmp_path, other)
    assert (status, f"under master key {own}, not the configured one" in output) == (ExitCode.FAILED, True)
    status, output = check(tmp_path, {"KINOLOG_MASTER_KEY_FILE": str(tmp_path / "missing")})
    assert (status, "KINOLOG_MASTER_KEY_FILE" in output) == (ExitCode.FAILED, True)
    (tmp_path / f"artifacts/{KEY}").write_bytes(b"a vide0")
    status, output = check(tmp_path)
    assert (status, f"{KEY} was changed" in output) == (ExitCode.FAILED, True)
    status, output = check(tmp_path / "nothing")
    assert (status, "holds no backup" in output) == (ExitCode.FAILED, True)


def test_a_backup_that_lacks_commits_of_the_log_is_not_all_right(tmp_path: Path) -> None:
    """The archive was behind the log when it was made: the check says where it ends, and what to do."""
    manifest = made(tmp_path)
    BackupFolder(tmp_path).write_manifest(replace(manifest, logged=1))
    assert check(tmp_path)[0] == ExitCode.OK
    BackupFolder(tmp_path).write_manifest(replace(manifest, logged=9))
    status, output = check(tmp_path)
    assert status == ExitCode.FAILED
    assert "ends at position 1, and the log ended at position 9" in " ".join(output.split())
    assert "make the backup again" in output


def test_a_segment_is_read_once(tmp_path: Path) -> None:
    """One read tells whether the file is as it was written, and what its commits are."""
    folder = BackupFolder(tmp_path)
    commits = [RawCommit(1, "", b"first"), RawCommit(2, "", b"second")]
    content = b"".join(map(record, commits))
    with folder.prepared():
        log = written(folder, f"log/{1:012d}-{2:012d}.commits", content, 2)
    segment = Segment(path=log.path, size_bytes=log.size_bytes, sha256=log.sha256, rows=2, first=1, last=2)
    whole = folder.read_segment(segment)
    assert whole.problem == ""
    hashes = [one.position.to_bytes(8, "big") + sha256(one.raw).digest() for one in commits]
    assert whole.content_hash == sha256(b"".join(hashes)).digest()
    for at in range(len(content)):
        changed = bytes([*content[:at], content[at] ^ 1, *content[at + 1 :]])
        (tmp_path / segment.path).write_bytes(changed)
        assert folder.read_segment(segment).problem == "was changed: its hash is another one", at
    (tmp_path / segment.path).write_bytes(content[:-1])
    assert folder.read_segment(segment).problem == f"has {len(content) - 1} bytes instead of {len(content)}"
    (tmp_path / segment.path).unlink()
    assert "cannot be read" in folder.read_segment(segment).problem
