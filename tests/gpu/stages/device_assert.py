"""Stage: an assertion on the device in one job, and whether the next job of the same worker succeeds.

The job's model has a tokenizer whose tokens its text encoder does not know. On a GPU the look-up is an assertion that
ends the CUDA context of the process; on a CPU it is an IndexError.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kinolog_worker.inference.process import InferenceProcess
from safetensors.torch import load_file, save_file

from tests.gpu.context import OUT_OF_TIME, StageContext
from tests.gpu.stages.clip_jobs import clip_job, outcome
from tests.renderers.pipelines import wan_folder

KNOWN_TOKENS = 4
JOB_SECONDS = 40.0


def run(context: StageContext) -> None:
    """Run a good job, the faulty one, and two good ones."""
    asyncio.run(_run(context))


async def _run(context: StageContext) -> None:
    good = wan_folder(context.folder / "good")
    faulty = wan_folder(context.folder / "faulty")
    cut_vocabulary(faulty, KNOWN_TOKENS)
    before: int | None = None
    process = InferenceProcess("cuda:0" if context.on_gpu else "cpu")
    try:
        for name, folder in (
            ("a good job", good),
            ("the faulty job", faulty),
            ("the next job", good),
            ("the job after it", good),
        ):
            if context.seconds_left() < 2:
                context.record(name, "skipped", reason=OUT_OF_TIME)
                continue
            seconds = min(JOB_SECONDS, context.seconds_left())
            job = clip_job(name, folder, context.folder, frames=9)
            before = process.pid or before
            result = await outcome(process, job, seconds)
            result.pop("video", None)
            context.record(
                name,
                "ok" if result.get("code") is None else "failed",
                **result,
                process_replaced=before is not None and process.pid != before,
            )
    finally:
        await process.kill()


def cut_vocabulary(folder: Path, tokens: int) -> None:
    """Leave the text encoder of a pipeline only its first tokens; the tokenizer keeps all of its own."""
    room = folder / "text_encoder"
    config = json.loads((room / "config.json").read_text())
    (room / "config.json").write_text(json.dumps({**config, "vocab_size": tokens}))
    weights: Mapping[str, Any] = load_file(room / "model.safetensors")
    whole = config["vocab_size"]
    save_file(
        {
            name: (tensor[:tokens].clone() if tensor.shape[0] == whole else tensor)
            for name, tensor in weights.items()
        },
        room / "model.safetensors",
        metadata={"format": "pt"},
    )
