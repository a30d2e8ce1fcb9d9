"""The same job many times, on a busy machine: do its files have the same bytes before they are signed?

    python -m tests.bench.same_bytes 30

Each job is rendered from the model to the file, as the inference process does, while two processes for each processor
count without end. Exits with 1 if two files differ.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from kinolog_worker.attempt.render_request import model_source
from kinolog_worker.inference.job_renderer import JobRenderer
from kinolog_worker.inference.messages import RenderJob
from kinolog_worker.inference.model_cache import ModelCache
from kinolog_worker.inference.postprocess.finish_thread import FinishThread

from kinolog.models.catalogue import TINY
from kinolog.storyboard.planner import Shots, plan_storyboard

PROMPT = "A red circle moving right. Then a blue square."


def rendered(cache: ModelCache, folder: Path) -> tuple[str, str]:
    """Render a job of kinolog-tiny. Return the SHA-256 of its file and its frame hash."""
    job = RenderJob(
        job_id="job-1",
        model=model_source(TINY),
        scenes=plan_storyboard(PROMPT, shots=Shots.AUTO, frames=17, fps=8, seed=7),
        width=256,
        height=256,
        native_width=TINY.native_width or 0,
        native_height=TINY.native_height or 0,
        native_frames=TINY.native_frames or 0,
        fps=8,
        steps=8,
        guidance=2.0,
        seed=7,
        tagged=True,
        folder=folder,
    )
    thread = FinishThread()
    media = JobRenderer(job, cache, lambda message: None, lambda: False, thread).draw()().media
    thread.end()
    return media.sha256, media.frame_hash


@contextmanager
def busy_processors() -> Iterator[None]:
    """Keep every processor busy with two processes."""
    spawned = multiprocessing.get_context("spawn")
    processes = [spawned.Process(target=_count, daemon=True) for _ in range(2 * (os.cpu_count() or 1))]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def _count() -> None:
    parent = os.getppid()
    for number in count():
        if number % 1_000_000 == 0 and os.getppid() != parent:
            return


def main(jobs: int) -> int:
    """Render the job so often, print how many files are alike, and return the exit code."""
    cache, found = ModelCache("cpu"), Counter[tuple[str, str]]()
    with TemporaryDirectory() as folder, busy_processors():
        for number in range(jobs):
            sha256, frame_hash = rendered(cache, Path(folder) / str(number))
            found[sha256, frame_hash] += 1
            print(f"{number + 1:3}  {sha256}", flush=True)
    ((_, most),) = found.most_common(1)
    print(
        f"{most} of {jobs} files have the same bytes; {len({frames for _, frames in found})} frame hash(es)"
    )
    return 0 if most == jobs else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30))
