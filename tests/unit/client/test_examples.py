"""Every Python example of docs/client.md and README.md runs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kinolog.v1 import job_pb2 as pb
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.recording_api import RecordingApi

ROOT = Path(__file__).parents[3]
EXAMPLES = [
    example
    for page in ("docs/client.md", "README.md")
    for example in re.findall(
        r"^```python\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
]
ADDRESSES = ("http://127.0.0.1:8085", "http://localhost:8085")


async def complete_jobs(api: RecordingApi) -> None:
    """Render every queued job, as a worker does."""
    while True:
        for job in [job for job in api.jobs.values() if job.status == pb.STATUS_QUEUED]:
            running = api.commit(canned.started(job), "attempt_started")
            api.files[job.id, pb.ARTIFACT_KIND_VIDEO, 0] = canned.VIDEO
            api.commit(canned.completed(running), "completed")
        await asyncio.sleep(0.05)


@pytest.fixture
async def worker(api: RecordingApi) -> AsyncIterator[None]:
    """A worker that takes the jobs."""
    working = asyncio.create_task(complete_jobs(api))
    yield
    working.cancel()


def test_the_pages_have_examples() -> None:
    """The pages show both clients, lists, errors, resuming and polling."""
    assert len(EXAMPLES) >= 8


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("number", range(len(EXAMPLES)))
async def test_an_example(
    number: int, gateway: RunningGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example ends without an error against a gateway that serves."""
    monkeypatch.chdir(tmp_path)
    code = EXAMPLES[number].replace("KinologClient()", f'KinologClient("{gateway.url}")')
    code = code.replace("KinologClient(live=", f'KinologClient("{gateway.url}", live=')
    for address in ADDRESSES:
        code = code.replace(address, gateway.url)
    await asyncio.to_thread(exec, compile(code, f"example {number}", "exec"), {"__name__": "__main__"})
