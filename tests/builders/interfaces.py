"""What the tests of the interfaces of other services share: models that start from inputs, and a key file."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kinolog.models.catalogue import TINY, Catalogue, ModelEntry, with_family
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import RunningApi

DOCS = Path(__file__).parents[2] / "docs"

INPUT_MODELS = Catalogue(
    [
        TINY,
        with_family(ModelEntry(name="i2v", source="/models/i2v", pipeline="WanImageToVideoPipeline")),
        with_family(ModelEntry(name="v2v", source="/models/v2v", pipeline="WanVideoToVideoPipeline")),
    ],
    TINY.name,
)
"""A model of texts, one of pictures and one of videos."""

ADA, BOB = "ada-0123456789abcdef", "bob-0123456789abcdef"


def key_file(folder: Path) -> Path:
    """Write the keys of two tenants. Return the file."""
    path = folder / "keys"
    path.write_text(f"{ADA} default ada\n{BOB} lab bob\n")
    path.chmod(0o600)
    return path


async def submitted_job(api: RunningApi, *known: str) -> str:
    """Wait for a job beside the known ones and return its id."""
    async for change in api.jobs.WatchJobs(pb.WatchJobsRequest(after=0)):
        if change.job.id not in known:
            return change.job.id
    raise AssertionError("the api stopped")


async def run_example(
    page: str, import_line: str, api: RunningApi, replaced: dict[str, str], close: Callable[[Any], None]
) -> dict[str, Any]:
    """Run the Python examples of a page from the one with this line on, while its first job is completed.

    `replaced` are texts of the examples that are others here. Return their variables.
    """
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.M | re.S)
    code = next(block for block in blocks if import_line in block)
    for text, other in replaced.items():
        assert text in code
        code = code.replace(text, other)
    variables: dict[str, Any] = {}
    running = asyncio.create_task(asyncio.to_thread(exec, code, variables))
    await api.complete(await submitted_job(api), b"the video")
    await running
    close(variables["client"])
    return variables
