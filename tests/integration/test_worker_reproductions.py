"""Reproductions on a worker process: the comparison is in the log."""

from __future__ import annotations

from pathlib import Path

from kinolog_worker.attempt.originals.reproduced_job import NO_RECORD, NO_VIDEO

from kinolog.ids import new_id
from kinolog.job import events as e
from kinolog.job.reproduction import Reproduction
from kinolog.job.state import Job
from kinolog_stack.servers.nats_server import NatsServer
from tests.builders.running_workers import MODEL, RunningWorkers, running_workers

PROMPT = "A star. Then a ring."


async def _rendered(workers: RunningWorkers, prompt: str = PROMPT, reproduces: str = "") -> Job:
    spec = {"model": MODEL, "model_class": "testcard", "frames": 16, "steps": 3, "guidance": 1.0}
    return await workers.ended(await workers.submit_sealed(new_id(), prompt, spec, reproduces=reproduces))


async def test_videos_are_compared(own_nats_server: NatsServer, tmp_path: Path) -> None:
    """Equal frames are identical; other ones have figures; without a video to compare with the record says why."""
    async with running_workers(own_nats_server, tmp_path) as workers:
        await workers.start_worker()
        original = await _rendered(workers)
        assert original.media is not None
        same = await _rendered(workers, reproduces=original.id)
        frame_hash = original.media.frame_hash
        identical = Reproduction(original=original.id, original_frame_hash=frame_hash, identical=True)
        assert same.reproduction == identical
        (completed,) = [event for event in await workers.events(same.id) if isinstance(event, e.Completed)]
        assert completed.reproduction == identical

        other = (await _rendered(workers, "A blue square.", original.id)).reproduction
        assert other is not None
        assert other.frames is not None
        assert (other.identical, other.trouble) == (False, "")
        assert 0 < other.frames.psnr_db < 40
        assert other.frames.different_frames > 0

        await workers.artifacts.delete(original.artifacts[0].key)
        same = await _rendered(workers, reproduces=original.id)
        assert same.reproduction == identical
        other = (await _rendered(workers, "A blue square.", original.id)).reproduction
        assert other is not None
        assert (other.identical, other.frames, other.trouble) == (False, None, NO_VIDEO)
        lost = (await _rendered(workers, reproduces=new_id())).reproduction
        assert lost is not None
        assert (lost.identical, lost.trouble) == (False, NO_RECORD)
