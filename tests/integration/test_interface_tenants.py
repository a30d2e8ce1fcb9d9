"""No route of the interfaces of other services tells one tenant of the jobs of another, or changes them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from kinolog.process.api_keys import KeyHolder
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.interfaces import ADA, BOB, INPUT_MODELS, key_file
from tests.builders.running_api import PROMPT, RunningApi, running_api
from tests.builders.uploaded_files import WEBM
from tests.unit.gateway.conftest import RunningGateway, running_gateway
from tests.unit.gateway.test_path_aliases import JOB_IDS, VALUES, served_routes

KEYS = {
    sha256(ADA.encode()).digest(): KeyHolder(tenant="default", actor="ada"),
    sha256(BOB.encode()).digest(): KeyHolder(tenant="lab", actor="bob"),
}
FOREIGN = ("/v1/", "/replicate/", "/veo/", "/fal/")
VEO = "/veo/{version}/{parent}/models/{model}:fetchPredictOperation"


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """The real api over memory, with the keys of two tenants."""
    async with running_api(KEYS, catalogue=INPUT_MODELS) as running:
        yield running


@pytest.fixture
async def gateway(api: RunningApi, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway in front of it, with the same keys."""
    async with running_gateway(api.target, key_file(tmp_path)) as running:
        yield running


def routes_of_a_job(job_id: str) -> list[tuple[str, str, Any]]:
    """Return method, path and body of every request for one job."""
    own = VALUES | dict.fromkeys(JOB_IDS, job_id)
    bodies = {"/v1/videos/{video_id}/remix": {"prompt": "at night"}}
    found: list[tuple[str, str, Any]] = [
        (method, path.format_map(own), bodies.get(path))
        for method, path in served_routes()
        if path.startswith(FOREIGN) and any(f"{{{name}}}" in path for name in JOB_IDS)
    ]
    source = {"prompt": "at night", "video": {"id": job_id}}
    found += [("POST", f"/v1/videos/{kind}", source) for kind in ("edits", "extensions")]
    found += [("POST", VEO.format_map(VALUES), {"operationName": f"/operations/{job_id}"})]
    return sorted(found, key=lambda route: route[0] == "DELETE")


async def answered(gateway: RunningGateway, key: str, route: tuple[str, str, Any]) -> httpx.Response:
    """Return the response to a request with a key."""
    method, path, body = route
    headers = {"Authorization": f"Bearer {key}"}
    return await gateway.client.request(method, path, json=body, headers=headers)


async def test_the_jobs_of_a_tenant_are_its_own(gateway: RunningGateway, api: RunningApi) -> None:
    """Every route finds a job for its tenant, and says to another one that there is none."""
    made = await answered(gateway, ADA, ("POST", "/v1/videos", {"prompt": PROMPT}))
    job_id = made.json()["id"]
    await api.complete(job_id, WEBM)
    routes = routes_of_a_job(job_id)
    assert len(routes) >= 13
    for route in routes:
        response = await answered(gateway, BOB, route)
        assert response.status_code == 404, (route, response.text)
        assert PROMPT not in response.text
    for path in ("/v1/videos", "/replicate/v1/predictions"):
        assert job_id not in (await answered(gateway, BOB, ("GET", path, None))).text
    for route in routes:
        found = await answered(gateway, ADA, route)
        assert found.status_code in (200, 201, 202), (route, found.text)
    job = await api.jobs.GetJob(
        pb.GetJobRequest(job_id=job_id), metadata=(("authorization", f"Bearer {ADA}"),)
    )
    assert (job.job.erased, job.job.status) == (True, job_pb2.STATUS_COMPLETED)
