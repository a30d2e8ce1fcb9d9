"""Small parts of the supervisor: pauses, render jobs, names, scratch folders, progress."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from kinolog_worker.attempt.render_request import build_render_job, model_source
from kinolog_worker.attempt.retry_delay import LONGEST_SECONDS, retry_at
from kinolog_worker.attempt.scratch_folder import NOTE, DeadWorker, remove_dead_folders, scratch_folder
from kinolog_worker.reporting.device_memory import device_state, gpu_state_of
from kinolog_worker.reporting.identity import instance_name, libraries
from kinolog_worker.reporting.progress_reporter import MOST_LINES, ProgressReporter
from kinolog_worker.worker_reports import metrics_of

from kinolog.codec.public_job import UnsealedFields
from kinolog.job.values import Sealed, Stage
from kinolog.models.catalogue import ModelEntry
from kinolog.ports.progress import LogLine, PreviewImage, Progress, ProgressUpdate, SealedNote
from tests.adapters.memory.progress import MemoryProgressFeed
from tests.builders.memory_worker import START, MemoryWorker


@pytest.fixture
def memory_worker(tmp_path: Path) -> MemoryWorker:
    """A worker without jobs."""
    return MemoryWorker(tmp_path)


async def test_pauses_double_and_are_always_the_same(memory_worker: MemoryWorker) -> None:
    """The pause before another attempt doubles with each, counted from the last retry by a user, up to a limit."""
    job = await memory_worker.job(await memory_worker.submit())

    def pause(attempt: int, last_attempt: int = 3) -> float:
        tried = replace(job, updated_at=START, attempt=attempt, last_attempt=last_attempt)
        return (retry_at(tried, START, 5.0) - START).total_seconds()

    assert [pause(attempt) for attempt in (1, 2, 3)] == [5.0, 10.0, 20.0]
    assert pause(4, last_attempt=6) == 5.0
    assert pause(1_000_000, last_attempt=1_000_000 + 2) == 5.0
    assert (
        retry_at(replace(job, updated_at=START, attempt=99), START, 5.0) - START
    ).total_seconds() == LONGEST_SECONDS


async def test_a_style_is_the_last_word_of_a_prompt(memory_worker: MemoryWorker) -> None:
    """The requested style is appended to the prompt of each scene."""
    job = await memory_worker.job(await memory_worker.submit("A star. Then a ring."))
    styled = replace(job, spec=replace(job.spec, style="watercolor"))
    unsealed_fields = UnsealedFields(prompt="A star. Then a ring.", scenes=("A star.", "a ring."))
    entry = ModelEntry(name="card", source="embedded")
    render_job = build_render_job(styled, unsealed_fields, entry, memory_worker.folder)
    assert [scene.prompt for scene in render_job.scenes] == [
        "A star, watercolor style",
        "a ring, watercolor style",
    ]


async def test_a_job_without_storyboard_is_one_scene(memory_worker: MemoryWorker) -> None:
    """A job without scenes is rendered as one scene with the job's seed and length."""
    job = replace(await memory_worker.job(await memory_worker.submit()), scenes=())
    render_job = build_render_job(
        job,
        UnsealedFields(prompt="A star."),
        ModelEntry(name="card", source="embedded"),
        memory_worker.folder,
    )
    (scene,) = render_job.scenes
    assert (scene.prompt, scene.frames, scene.seed) == ("A star.", 16, 7)


def test_options_that_are_settings_of_the_source() -> None:
    """Settings of the source are separated from the renderer's own options."""
    options = {
        "dtype": "bfloat16",
        "allow_download": False,
        "cache_folder": "/models",
        "vae_dtype": "float32",
    }
    source = model_source(ModelEntry(name="wan", source="owner/wan", revision="main", options=options))
    assert (source.dtype, source.cache_folder) == ("bfloat16", Path("/models"))
    assert (source.location, source.revision, dict(source.options)) == (
        "owner/wan",
        "main",
        {"vae_dtype": "float32"},
    )


def test_a_model_of_the_hub_is_loaded_from_its_folder() -> None:
    """The inference process knows nothing of the hub: its model is where the supervisor found it."""
    entry = ModelEntry(name="wan", source="owner/wan", revision="main", options={"allow_download": True})
    source = model_source(entry, Path("/cache/snapshots/abc"))
    assert (source.location, source.revision, dict(source.options)) == ("/cache/snapshots/abc", None, {})


def test_names_are_unique_words() -> None:
    """Every start of a worker has another name, and any host name gives a valid part of a subject."""
    names = {instance_name("my worker.local *>") for _ in range(50)}
    assert len(names) == 50
    assert all(name.startswith("my-worker-local-") for name in names)
    assert instance_name(None) != instance_name(None)
    assert len(instance_name("x" * 300)) < 64


def test_libraries_are_named() -> None:
    """The runtime of an attempt names the versions of Python and kinolog."""
    assert {"python", "kinolog"} <= set(libraries())


async def test_memory_of_a_cpu() -> None:
    """On a CPU the memory of the process is counted against the machine; without a process it is zero."""
    used, total, use = await device_state("cpu", pid=None)
    assert used == 0 < total
    assert use is None


async def test_memory_of_a_gpu_without_nvidia_smi(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without nvidia-smi the memory of a GPU is unknown: zeros."""
    monkeypatch.setenv("PATH", "/nowhere")
    assert await device_state("cuda:0", pid=1) == (0, 0, None)


def test_what_nvidia_smi_says() -> None:
    """Memory is in MiB and the use in percent. A part of a GPU does not tell how much it works."""
    assert gpu_state_of("1024, 81920, 37\n") == (1 << 30, 80 << 30, 0.37)
    assert gpu_state_of("1, 2, [N/A]") == (1 << 20, 2 << 20, None)


def test_scratch_folders(tmp_path: Path) -> None:
    """A worker's folder is removed at its end; folders of dead workers are removed, those of live ones stay."""
    dead = tmp_path / "dead"
    dead.mkdir()
    (dead / ".in-use").touch()
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (dead / NOTE).write_text("its ticket")
    (dead / f"{NOTE}-job-7").write_text("another")
    assert remove_dead_folders(tmp_path) == [DeadWorker("dead", ("its ticket", "another"))]
    assert remove_dead_folders(tmp_path / "missing") == []
    with scratch_folder(tmp_path, "one") as one, scratch_folder(tmp_path, "two") as two:
        assert {path.name for path in tmp_path.iterdir()} == {"one", "two", "foreign"}
        (one / "file").touch()
        assert two.is_dir()
        assert remove_dead_folders(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["foreign"]


def test_metrics(memory_worker: MemoryWorker) -> None:
    """The metrics count completed jobs."""
    memory_worker.dependencies.status.jobs_completed = 3
    assert "kinolog_worker_jobs_completed_total 3\n" in metrics_of(memory_worker.dependencies)


async def test_progress_is_conflated(memory_worker: MemoryWorker) -> None:
    """Between two reports, only the latest progress and preview and the last log lines are published."""
    feed = MemoryProgressFeed()
    reporter = ProgressReporter(
        feed, job_id="a" * 26, attempt=1, clock=memory_worker.clock, seals=RecognisableSeals()
    )
    for number in range(MOST_LINES + 10):
        reporter.put_progress(
            Progress(
                job_id="a" * 26,
                attempt=1,
                at=START,
                worker="w",
                stage=Stage.DENOISE,
                scene=0,
                scenes=1,
                step=number,
                steps=300,
                percent=1.0,
            )
        )
        reporter.put_preview(scene=0, step=number, jpeg=b"jpeg")
        reporter.put_log_line("WARNING" if number % 2 else "odd level", f"line {number}")
    running = asyncio.create_task(reporter.run())
    following = [update async for update in _first(feed, MOST_LINES + 2)]
    running.cancel()
    lines = [update.message for update in following if isinstance(update, LogLine)]
    assert lines == [f"line {number}" for number in range(10, MOST_LINES + 10)]
    (preview,) = [update for update in following if isinstance(update, PreviewImage)]
    assert (preview.step, preview.image) == (MOST_LINES + 9, b"")
    assert preview.sealed == RecognisableSeals().picture(b"jpeg")
    assert isinstance(following[-1], Progress)
    assert following[-1].step == MOST_LINES + 9


async def test_a_secret_is_sealed_at_once(memory_worker: MemoryWorker) -> None:
    """Words of the prompt are published in a sealed note, not in the message; other lines have no note."""
    feed = MemoryProgressFeed()
    reporter = ProgressReporter(
        feed, job_id="a" * 26, attempt=1, clock=memory_worker.clock, seals=RecognisableSeals()
    )
    reporter.put_log_line("INFO", "one word is unknown", "fluffy")
    reporter.put_log_line("INFO", "weights loaded")
    await reporter.flush()
    lines = [one for one in await feed.recent("a" * 26) if isinstance(one, LogLine)]
    assert [(line.message, line.note) for line in lines] == [
        ("one word is unknown", RecognisableSeals().note("fluffy")),
        ("weights loaded", None),
    ]


class HeldFeed(MemoryProgressFeed):
    """Publishes nothing until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.is_called, self.released = asyncio.Event(), asyncio.Event()

    async def publish(self, update: ProgressUpdate) -> None:
        self.is_called.set()
        await self.released.wait()
        await super().publish(update)


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_the_last_lines_are_published_before_the_end(
    memory_worker: MemoryWorker, is_cancelled: bool
) -> None:
    """A flush waits for lines that are being published. A task that is cancelled leaves the others pending."""
    feed = HeldFeed()
    reporter = ProgressReporter(
        feed, job_id="a" * 26, attempt=1, clock=memory_worker.clock, seals=RecognisableSeals()
    )
    for number in range(3):
        reporter.put_log_line("INFO", f"line {number}")
    running = asyncio.create_task(reporter.run())
    await feed.is_called.wait()
    if is_cancelled:
        running.cancel()
        await asyncio.wait([running])
    flushing = asyncio.create_task(reporter.flush())
    await asyncio.sleep(0)
    feed.released.set()
    await flushing
    running.cancel()
    lines = [one.message for one in await feed.recent("a" * 26) if isinstance(one, LogLine)]
    assert lines == [f"line {number}" for number in range(is_cancelled, 3)]


class RecognisableSeals:
    """Seals recognisably instead of with a key."""

    def note(self, text: str) -> SealedNote:
        """Return a recognisable note."""
        return self.picture(text.encode())

    def picture(self, image: bytes) -> SealedNote:
        """Return a recognisable picture."""
        return SealedNote("key", Sealed(nonce=b"nonce", ciphertext=image[::-1]))


async def _first(feed: MemoryProgressFeed, count: int) -> AsyncIterator[ProgressUpdate]:
    """Yield the first updates that a follower receives."""
    seen = 0
    async for update in feed.follow():
        yield update
        seen += 1
        if seen == count:
            return
