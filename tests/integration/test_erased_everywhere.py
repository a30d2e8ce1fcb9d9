"""What was erased is in no file of a data folder: not in those of the servers, the logs, the artifacts or the keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kinolog.merkle.erasure_certificate import SignedCertificate
from kinolog.merkle.signed_note import NoteKey
from kinolog_cli.app import app
from kinolog_cli.exit_codes import ExitCode
from kinolog_client import JobEnded, KinologClient, PreviewReceived, VideoInput, VideoScene
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.stack import Stack
from tests.fixtures.servers import temporary_folder
from tests.fixtures.waits import WAIT_SECONDS, wait_until
from tests.fixtures.whole_stack import whole_stack

PROMPT_WORD, NEGATIVE_WORD, REASON_WORD, OTHER = "zanzibarquux", "wobblefrotz", "sprongleback", "kettlemumble"
ERROR_WORD = "blimperdonk"
PIXELS = "\x07quixotry\x00\xfe\x80"
"""Bytes of a picture."""
WORDS = (PROMPT_WORD, NEGATIVE_WORD, REASON_WORD, ERROR_WORD)
JPEG = "\xff\xd8\xff\xe0"
"""How a preview begins, each character a byte."""

PNG_HEAD = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (64).to_bytes(4) + (48).to_bytes(4) + bytes(9) + b"\0\0\xff\xffIDAT"
)

ERASE_SECONDS = 4 * WAIT_SECONDS
"""It takes less than a minute on an idle machine."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder that is kept after its stack has stopped."""
    with temporary_folder() as made:
        yield made / "data"


def _holders(paths: Iterable[Path], words: Sequence[str]) -> dict[Path, list[str]]:
    """Return the files that contain any of the words, with the words. Files that vanish meanwhile contain nothing."""
    found = {}
    for path in paths:
        try:
            content = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:
            continue
        if held := [word for word in words if word.encode("latin-1") in content]:
            found[path] = held
    return found


def _wait_until_gone(folder: Path, *words: str) -> None:
    """Wait until no file of a folder contains any of the words.

    While a file that contained one still does, the others are not read: there are a hundred megabytes.
    """
    found: dict[Path, list[str]] = {}

    def read() -> dict[Path, list[str]]:
        nonlocal found
        found = _holders(found, words) or _holders(folder.rglob("*"), words)
        return found

    wait_until(
        read, "no file holds an erased word", lambda found: not found, seconds=ERASE_SECONDS, every=0.2
    )


def _cancelled_while_previewed(client: KinologClient) -> str:
    """Run a job of the embedded model until its first preview, cancel it, and return its id when it has ended.

    It has so many scenes that it still runs when the preview arrives.
    """
    scenes = [VideoScene(prompt=f"a green ring {PROMPT_WORD}", duration=2)] * 10
    job_id = client.generate(model="kinolog-tiny", scenes=scenes, steps=100, size="128x128").job_id
    previewed = False
    for update in client.watch(job_id):
        if isinstance(update, PreviewReceived) and not previewed:
            previewed = True
            assert update.image.startswith(JPEG.encode("latin-1"))
            client.cancel(job_id, reason=f"because of {REASON_WORD}")
    assert previewed
    return job_id


def _completed(client: KinologClient, prompt: str) -> str:
    job_id = client.generate(prompt, model="card", negative_prompt=NEGATIVE_WORD).job_id
    for _ in client.watch(job_id):
        pass
    return job_id


def _failed(client: KinologClient) -> str:
    """Run a job whose model prints, logs and warns of its prompt and fails with it. Return its id.

    Its owner reads the words in the log lines, and nothing else has them.
    """
    job_id = client.generate(f"a small {ERROR_WORD}", model="quoting-card", max_attempts=1).job_id
    final = [update for update in client.watch(job_id) if isinstance(update, JobEnded)][-1]
    assert final.state.job is not None
    assert final.state.job.error is not None
    assert (final.state.status, final.state.job.error.code) == ("failed", "RENDER_FAILED")
    assert ERROR_WORD not in final.state.job.error.message
    lines = wait_until(
        lambda: [line.message for line in client.logs(job_id, limit=100).entries],
        "the log lines are stored",
        lambda messages: any("RuntimeError at testcard.py" in message for message in messages),
    )
    assert len([line for line in lines if ERROR_WORD in line]) == 3
    return job_id


def _pictured(client: KinologClient, stack: Stack) -> str:
    """Run a job that starts from a picture. Return its id. The picture is sealed wherever it lies, meanwhile too."""
    content = PNG_HEAD + PIXELS.encode("latin-1") * 5_000
    upload = client.upload_input(content)
    assert (upload.width, upload.height) == (64, 48)
    inputs = [VideoInput("first_frame", upload.upload_id)]
    job_id = client.generate("a picture", model="picture-card", inputs=inputs).job_id
    final = [update for update in client.watch(job_id) if isinstance(update, JobEnded)][-1]
    assert final.state.status == "completed", final.state
    assert client.verify(job_id).valid
    assert b"".join(client.stream(job_id, file="input", index=0)) == content
    assert not _holders(stack.folder.path.rglob("*"), [PIXELS])
    return job_id


def _back_up(stack: Stack, backup: Path) -> None:
    """Back up the running stack."""
    done = CliRunner().invoke(app, ["backup", str(backup), "--data", str(stack.folder.path)])
    assert done.exit_code == ExitCode.OK, done.output


def _use(stack: Stack, backup: Path) -> tuple[str, str]:
    """Make jobs with words of their own and erase them. Return the ids of one that is erased and one that is not."""
    with KinologClient(stack.addresses["gateway"]) as client:
        failed, cancelled = _failed(client), _cancelled_while_previewed(client)
        pictured = _pictured(client, stack)
        assert not _holders(stack.folder.nats.rglob("*"), [JPEG]), "previews are stored in the clear"
        erased, kept = (
            _completed(client, f"a red circle {PROMPT_WORD}"),
            _completed(client, f"a kite {OTHER}"),
        )
        wait_until(
            lambda: [row.prompt for row in client.iterate_jobs()],
            "the lists show all jobs",
            lambda prompts: len(prompts) == 5,
        )
        assert _holders(stack.folder.path.rglob("*"), [PROMPT_WORD])
        _back_up(stack, backup)
        assert _folders_of(backup, erased)
        (sealed,) = [path for path in backup.rglob("*.sealed") if pictured in str(path)]
        for job_id in (failed, cancelled, erased, pictured):
            client.erase(job_id)
        assert client.verify(pictured).valid
        assert not _folders_of(stack.folder.artifacts, pictured)
        _wait_until_gone(stack.folder.path, PROMPT_WORD, REASON_WORD, ERROR_WORD)
        assert [row.prompt for row in client.iterate_jobs() if row.prompt] == [f"a kite {OTHER}"]
        lines = client.logs(failed, limit=100).entries
        assert lines
        assert not any(ERROR_WORD in line.message for line in lines)
        reasons = [
            event.data.get("reason")
            for commit in client.history(cancelled).commits
            for event in commit.events
            if event.type == "cancel_requested"
        ]
        assert reasons == ["(erased)"]
        client.erase(kept)
        _wait_until_gone(stack.folder.path, NEGATIVE_WORD)  # with its last job
        for job_id in (failed, cancelled, erased, pictured, kept):
            _wait_until_certified(client, job_id)
        _back_up(stack, backup)
        assert not sealed.exists()
    return erased, kept


def _wait_until_certified(client: KinologClient, job_id: str) -> None:
    """Wait for the certificate of an erased job. It holds, and names the job."""
    (listed,) = wait_until(
        lambda: client.erasures(job_id=job_id).certificates,
        "the erasure is certified",
        lambda found: bool(found),
        seconds=ERASE_SECONDS,
    )
    info = client.erasure(listed.number)
    signed = SignedCertificate(number=info.number, key=NoteKey(bytes.fromhex(info.key)), note=info.note)
    assert job_id in [job.job_id for job in signed.certificate.jobs]
    checks = {check.name: check for check in client.verify(job_id).checks}
    assert f"certificate {info.number}, signed" in checks["erasure"].detail
    assert all(check.holds for check in checks.values())


def _folders_of(folder: Path, job_id: str) -> list[Path]:
    """Return what is named after a job below a folder."""
    return [path for path in folder.rglob("*") if job_id in path.name]


def test_no_file_holds_what_was_erased(folder: Path) -> None:
    """Nothing of an erased job is left, nor of its errors: in the running stack, the stopped one, a backup."""
    backup = folder.with_name("backup")
    with whole_stack(folder, env={"KINOLOG_TREE_HEAD_COMMITS": "1"}) as stack:
        erased, kept = _use(stack, backup)
    assert not _holders([*folder.rglob("*"), *backup.rglob("*")], (*WORDS, OTHER, PIXELS))
    assert not _holders(DataFolder(folder).nats.rglob("*"), [JPEG])
    for job_id in (erased, kept):
        assert not _folders_of(DataFolder(folder).artifacts, job_id)
        assert not _folders_of(backup, job_id)
