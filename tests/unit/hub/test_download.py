"""Downloads from a hub: what is taken, how they go on, and why they end."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import constants

from kinolog.durable_files import flush_file
from kinolog.models.hub.download import MOST_DAMAGED, MOST_FAILURES, DownloadProgress, ModelDownload
from kinolog.models.hub.errors import (
    AccessDenied,
    DownloadFailed,
    FileDamaged,
    HubUnreachable,
    NoRoomForModel,
    NoSuchModel,
)
from kinolog.models.hub.hub_model import HubModel
from kinolog.models.hub.integrity import folder_problems
from kinolog.models.hub.snapshots import PARTIAL, at_pin, local_snapshot
from kinolog.process.backoff import Backoff
from tests.builders.model_folder import LOADED
from tests.fixtures.model_hub import COMMIT, ModelHub, ServedModel
from tests.unit.hub.conftest import NAME

AT_ONCE = Backoff(first_seconds=0.0, longest_seconds=0.0)
TRANSFORMER = "transformer/diffusion_pytorch_model.safetensors"


def _downloaded(model: HubModel, spare_bytes: int = 0) -> tuple[Path, list[DownloadProgress]]:
    reports: list[DownloadProgress] = []
    return ModelDownload(model, reports.append, backoff=AT_ONCE, spare_bytes=spare_bytes).run(), reports


def _failure(model: HubModel) -> DownloadFailed:
    with pytest.raises(DownloadFailed) as failed:
        _downloaded(model)
    return failed.value


def _paths(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_only_what_is_loaded_is_downloaded(hub: ModelHub, model: HubModel) -> None:
    """No pickle, no variant, no checkpoint beside the parts, no code. It is whole, and used from then on."""
    folder, reports = _downloaded(model)
    assert _paths(folder) == LOADED
    assert (folder.name, local_snapshot(model)) == (COMMIT, folder)
    assert list(folder_problems(folder)) == []
    total = sum((folder / path).stat().st_size for path in LOADED)
    assert reports[-1] == DownloadProgress(total, total)
    assert reports[-1].checked == sum(hub.sent.values()), (
        "each large file: whoever watches sees that it goes on"
    )
    asked = len(hub.ranges)
    _downloaded(model)
    assert len(hub.ranges) == asked, "nothing is downloaded twice"


def test_weights_that_come_from_elsewhere_are_left_out(hub: ModelHub, model: HubModel) -> None:
    """A single file replaces those of the denoiser. The same model without that file is not whole then."""
    folder, _ = _downloaded(replace(model, without=("transformer",)))
    assert _paths(folder) == LOADED - {TRANSFORMER}
    assert local_snapshot(replace(model, without=("transformer",))) == folder
    assert local_snapshot(model) is None


def test_of_a_lora_its_file_alone_is_downloaded(hub: ModelHub, tmp_path: Path) -> None:
    """A second one of the same name comes from the commit of the first, whatever the branch has now."""
    hub.models["owner/loras"] = ServedModel({"a.safetensors": b"a" * 3_000, "b/b.safetensors": b"b" * 3_000})
    first = HubModel(name="owner/loras", cache=tmp_path / "cache", file="a.safetensors")
    second = replace(first, file="b/b.safetensors")
    folder, reports = _downloaded(at_pin(first))
    assert (_paths(folder), reports[-1]) == ({"a.safetensors"}, DownloadProgress(3_000, 3_000))
    assert (local_snapshot(first), local_snapshot(second)) == (folder, None)
    moved = dict.fromkeys(hub.models["owner/loras"].files, b"c" * 3000)
    assert at_pin(second).revision == COMMIT
    assert _downloaded(at_pin(second))[0] == folder == local_snapshot(first) == local_snapshot(second)
    hub.models["owner/loras"] = ServedModel(moved, commit="d" * 40)
    assert _downloaded(first)[0].name == "d" * 40
    assert local_snapshot(second) is None
    message = _failure(replace(first, file="c.safetensors")).message
    assert "has no file c.safetensors at revision main, but a.safetensors, b/b.safetensors" in message


def test_a_broken_connection_goes_on_where_it_was(hub: ModelHub, model: HubModel) -> None:
    """However often it breaks, if bytes come in between."""
    hub.cuts = [3_000, 500, 500, 500, 500, 500, 500, 500, 500, 500]
    folder, _ = _downloaded(model)
    assert list(folder_problems(folder)) == []
    assert len([asked for asked in hub.ranges if asked]) == 10


def test_what_a_killed_download_left_is_not_downloaded_again(hub: ModelHub, model: HubModel) -> None:
    """A file grows under the hash that it is to have. The next download asks for the rest of it alone."""
    whole, _ = _downloaded(model)
    blob = (whole / TRANSFORMER).resolve()
    content = blob.read_bytes()
    shutil.rmtree(model.folder / "snapshots")
    blob.with_name(blob.name + PARTIAL).write_bytes(content[:5_000])
    blob.unlink()
    hub.ranges.clear()
    assert local_snapshot(model) is None
    folder, reports = _downloaded(model)
    assert [asked for asked in hub.ranges if asked] == ["bytes=5000-"]
    assert reports[0].received >= 5_000
    assert (folder / TRANSFORMER).read_bytes() == content


def test_a_damaged_beginning_is_downloaded_again(hub: ModelHub, model: HubModel) -> None:
    """Every large file is compared with its hash before it is used."""
    whole, _ = _downloaded(model)
    blob = (whole / TRANSFORMER).resolve()
    content = blob.read_bytes()
    blob.with_name(blob.name + PARTIAL).write_bytes(b"x" * 5_000)
    blob.unlink()
    folder, _ = _downloaded(model)
    assert (folder / TRANSFORMER).read_bytes() == content


def test_a_file_that_is_always_damaged_ends_the_download(hub: ModelHub, model: HubModel) -> None:
    """It is a failure that counts: the same bytes would come each time."""
    hub.models[NAME].hashes[TRANSFORMER] = "a" * 64
    error = _failure(model)
    assert (type(error), error.code, error.retryable) == (FileDamaged, "DOWNLOAD_FAILED", True)
    size = len(hub.models[NAME].files[TRANSFORMER])
    assert hub.sent[TRANSFORMER] == MOST_DAMAGED * size


def test_a_file_is_on_the_disk_before_it_has_its_name(
    hub: ModelHub, model: HubModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever finds the name does not read the file again: a power failure must leave none that is empty."""
    flushed = []

    def flush(path: Path) -> None:
        flush_file(path)
        flushed.append(path.name.removesuffix(PARTIAL))
        assert path.stat().st_size
        assert not path.with_name(flushed[-1]).exists()

    monkeypatch.setattr("kinolog.models.hub.download.flush_file", flush)
    folder, _ = _downloaded(model)
    assert (folder / TRANSFORMER).resolve().name in flushed


def test_a_pinned_commit_stays_when_the_branch_moves(hub: ModelHub, model: HubModel, published: Path) -> None:
    """The first download pins the commit. Only a download moves it."""
    folder, _ = _downloaded(model)
    moved = hub.add_folder(NAME, published)
    moved.commit = "d" * 40
    (model.folder / "refs" / "main").write_text("e" * 40)  # as another program may leave it
    assert local_snapshot(model) == folder
    newer, _ = _downloaded(model)
    assert (newer.name, local_snapshot(model)) == ("d" * 40, newer)
    assert newer.samefile(newer)
    assert (newer / TRANSFORMER).resolve() == (folder / TRANSFORMER).resolve(), "the bytes are here once"


def test_a_hub_that_does_not_answer_may_later(hub: ModelHub, model: HubModel) -> None:
    """It is asked some times, and what it gave before stays."""
    hub.refuses = 503
    assert isinstance(_failure(model), HubUnreachable)
    hub.refuses = 0
    hub.cuts = [0] * 5 * MOST_FAILURES
    assert (_failure(model).code) == "HUB_UNREACHABLE"
    hub.cuts = []
    _downloaded(model)


@pytest.mark.parametrize(
    ("refusal", "kind", "message"),
    [
        ((403, "GatedRepo"), AccessDenied, "accept it at http.*/someone/wan, and set HF_TOKEN"),
        ((401, "RepoNotFound"), NoSuchModel, "has no model someone/wan, or it is private.*HF_TOKEN"),
        ((404, "RepoNotFound"), NoSuchModel, "correct the name"),
        ((403, ""), AccessDenied, r"refuses someone/wan to this account \(403\): set HF_TOKEN"),
        ((410, ""), NoSuchModel, "with 410"),
    ],
)
def test_a_refusal_says_what_to_do(
    hub: ModelHub, model: HubModel, refusal: tuple[int, str], kind: type[DownloadFailed], message: str
) -> None:
    hub.models[NAME].refusal = refusal
    with pytest.raises(kind, match=message):
        _downloaded(model)


def test_a_revision_that_is_not_there_is_named(hub: ModelHub, model: HubModel) -> None:
    with pytest.raises(NoSuchModel, match="has no revision v9"):
        _downloaded(HubModel(name=NAME, revision="v9", cache=model.cache))


def test_a_hash_is_no_path(hub: ModelHub, model: HubModel) -> None:
    """A large file is named by the hash that the hub states."""
    hub.models[NAME].hashes[TRANSFORMER] = "../../../escaped"
    with pytest.raises(NoSuchModel, match="states no hash of transformer/diffusion_pytorch_model"):
        _downloaded(model)


def test_the_account_in_the_address_of_a_mirror_is_not_told(
    hub: ModelHub, model: HubModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message becomes the error of a job."""
    hub.refuses = 503
    monkeypatch.setattr(constants, "ENDPOINT", hub.url.replace("//", "//ada:secret@"))
    assert _failure(model).message == f"{hub.url} answers with 503"


def test_a_commit_is_no_path(hub: ModelHub, model: HubModel) -> None:
    """The folder of a snapshot is named by it."""
    hub.models[NAME].commit = "../../../../outside"
    with pytest.raises(HubUnreachable, match="look at HF_ENDPOINT"):
        _downloaded(model)


def test_the_account_of_the_hub_is_used(
    hub: ModelHub, model: HubModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    _downloaded(model)
    assert hub.tokens == {"Bearer hf_secret"}


def test_room_is_looked_for_before_anything_is_downloaded(hub: ModelHub, model: HubModel) -> None:
    with pytest.raises(
        NoRoomForModel, match=r"needs 0\.0 GiB more and 1048576 GiB to spare, and .* GiB are free in"
    ):
        _downloaded(model, spare_bytes=1 << 50)
    assert not list(model.folder.rglob(f"*{PARTIAL}"))


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("model_index.json", "it holds no pipeline of diffusers"),
        ("vae/diffusion_pytorch_model.safetensors", "lacks safetensors weights in vae"),
        (
            "text_encoder/model-00002-of-00002.safetensors",
            "lacks text_encoder/model-00002-of-00002.safetensors",
        ),
        ("scheduler/scheduler_config.json", "lacks the folder scheduler"),
    ],
)
def test_a_model_that_cannot_be_used_is_not_downloaded(
    hub: ModelHub, model: HubModel, lost: str, message: str
) -> None:
    files = dict(hub.models[NAME].files)
    del files[lost]
    hub.models[NAME].files = files
    with pytest.raises(NoSuchModel, match=message):
        _downloaded(model)
    assert not hub.sent, "no weights were sent"
