"""Downloads in processes of their own, from a hub on this machine: killed, side by side, and left alone."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from kinolog_worker.downloads.download_process import DownloadProcess

from kinolog.models.hub.errors import HubUnreachable, NoSuchModel
from kinolog.models.hub.hub_model import HubModel
from kinolog.models.hub.integrity import folder_problems
from kinolog.models.hub.snapshots import PARTIAL, local_snapshot
from tests.builders.model_folder import LOADED, write_model
from tests.fixtures.model_hub import LARGE_BYTES, ModelHub, serving_hub
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import until
from tests.renderers.installed import PYTHONPATH

NAME = "someone/wan"
PAUSE = 3_000


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelHub]:
    """A hub with a whole model, for processes of this test."""
    with serving_hub() as hub:
        hub.add_folder(NAME, write_model(tmp_path / "published"))
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
        yield hub


@pytest.fixture
def model(tmp_path: Path) -> HubModel:
    return HubModel(name=NAME, cache=tmp_path / "cache")


def _sizes(hub: ModelHub) -> dict[str, int]:
    """Return the bytes of each large file that is loaded."""
    files = hub.models[NAME].files
    return {path: len(files[path]) for path in LOADED if len(files[path]) >= LARGE_BYTES}


async def test_a_killed_download_goes_on_in_the_middle_of_its_files(hub: ModelHub, model: HubModel) -> None:
    """SIGKILL while every file has some of its bytes: each is continued behind them."""
    hub.pause_after = PAUSE
    hub.gate.clear()
    reports: list[tuple[int, int]] = []
    sizes = _sizes(hub)
    async with background_task(DownloadProcess().download(model, lambda *now: reports.append(now))) as first:

        async def partials() -> bool:
            parts = [path.stat().st_size for path in model.folder.rglob(f"*{PARTIAL}")]
            return parts == [PAUSE] * len(sizes)

        await until(partials, "some of every file")
        first.cancel()  # which kills the process
        await asyncio.wait([first])
    hub.gate.set()
    hub.pause_after = 0
    hub.ranges.clear()
    folder = await DownloadProcess().download(model, lambda *now: reports.append(now))
    assert [asked for asked in hub.ranges if asked] == [f"bytes={PAUSE}-"] * len(sizes)
    assert list(folder_problems(folder)) == []
    assert reports[-1][0] == reports[-1][1] >= sum(sizes.values())


async def test_two_processes_share_a_download(hub: ModelHub, model: HubModel) -> None:
    """Each large file is sent once, and both have all of it."""
    nothing = DownloadProcess()
    folders = await asyncio.gather(*(nothing.download(model, lambda *_: None) for _ in range(2)))
    assert folders[0] == folders[1] == local_snapshot(model)
    assert hub.sent == _sizes(hub)


async def test_the_process_knows_what_is_needed_of_a_name(hub: ModelHub, model: HubModel) -> None:
    """No weights that a single file replaces, and of a LoRA its file."""
    folder = await DownloadProcess().download(replace(model, without=("transformer", "vae")), lambda *_: None)
    assert set(hub.sent) == {path for path in _sizes(hub) if not path.startswith(("transformer/", "vae/"))}
    vae = next(path for path in _sizes(hub) if path.startswith("vae/"))
    assert await DownloadProcess().download(replace(model, file=vae), lambda *_: None) == folder
    assert (folder / vae).stat().st_size == hub.sent[vae]


async def test_a_download_without_bytes_is_ended(hub: ModelHub, model: HubModel) -> None:
    hub.pause_after = 1
    hub.gate.clear()
    with pytest.raises(HubUnreachable, match="no byte of the model arrived"):
        await DownloadProcess(stall_seconds=0.5).download(model, lambda *_: None)


async def test_a_refusal_comes_with_its_message(hub: ModelHub, tmp_path: Path) -> None:
    with pytest.raises(NoSuchModel, match="has no model someone/else"):
        await DownloadProcess().download(
            HubModel(name="someone/else", cache=tmp_path / "cache"), lambda *_: None
        )


async def test_a_download_ends_with_its_supervisor(hub: ModelHub, model: HubModel) -> None:
    """A supervisor that is killed closes the pipe."""
    hub.gate.clear()
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-P",
            "-m",
            "kinolog_worker.downloads",
            "--name",
            NAME,
            "--cache",
            str(model.cache),
        ),
        stdin=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.close()
    async with asyncio.timeout(60):
        assert await process.wait() == 0
