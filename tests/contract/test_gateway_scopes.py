"""Every route of the gateway with keys that lack its scope: a real gateway before a real api."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from kinolog.access.api_key import USER_SCOPES, Scope
from kinolog.codec.access import scopes_to_proto
from kinolog.process.api_keys import read_keys
from kinolog.v1 import access_service_pb2 as pb
from tests.builders.call_metadata import bearer
from tests.builders.running_api import RunningApi, running_api
from tests.contract.test_gateway_documents import served
from tests.unit.gateway.conftest import RunningGateway, running_gateway
from tests.unit.gateway.test_path_aliases import VALUES
from tests.unit.gateway.ws_client import connected

OPERATOR = "operator-key-0123456789"
OF_ANY_KEY = {
    "/api/v1/alarms": "troubles of the service are for all",
    "/api/v1/whoami": "it needs no scope",
    "/api/v1/audit/tree/head": "hashes of the whole log are for all",
    "/api/v1/audit/tree/heads": "the same",
    "/api/v1/audit/tree/heads/{number}": "the same",
    "/api/v1/audit/tree/tiles/{level}/{tile}": "the same",
    "/api/v1/audit/tree/consistency/{old_size}": "the same",
    "/v1/videos/characters": "kinolog has none, and says so",
    "/v1/videos/characters/{character_id}": "the same",
}
OF_ANYONE = ("/", "/docs", "/docs/start.js", "/health", "/ready", "/openapi.json", "/asyncapi.json")
OF_EVERY_TENANT = "/metrics"
OF_KEYS = (
    "/api/v1/keys",
    "/api/v1/keys/{key_id}",
    "/api/v1/webhooks",
    "/replicate/v1/webhooks",
    "/api/v1/queue/",
)
BODIES: dict[str, Any] = {
    "/api/v1/generate": {"prompt": "x"},
    "/api/v1/plan": {"prompt": "x"},
    "/api/v1/priority/{job_id}": {"priority": "high"},
    "/api/v1/keys": {"actor": "ada"},
    "/api/v1/schedules": {"cron": "0 0 * * *", "job": {"prompt": "x"}},
    "/api/v1/webhooks": {"address": "https://1.1.1.1/"},
    "/api/v1/webhooks/{webhook_id}": {"address": "https://1.1.1.1/"},
    "/api/v1/webhooks/{webhook_id}/rotate": {},
    "/api/v1/bulk": {"action": "retry", "job_ids": ["z" * 26]},
    "/api/v1/tickets": {"job_id": "z" * 26},
    "/v1/videos": {"prompt": "x"},
    "/v1/videos/{video_id}/remix": {"prompt": "y"},
    "/v1/videos/edits": {"prompt": "z", "video": {"id": "z" * 26}},
    "/v1/videos/extensions": {"prompt": "z", "video": {"id": "z" * 26}, "seconds": "2"},
    "/fal/{app}": {"prompt": "x"},
    "/replicate/v1/predictions": {"version": "default", "input": {"prompt": "x"}},
    "/replicate/v1/models/{owner}/{name}/predictions": {"input": {"prompt": "x"}},
    "/veo/{version}/{parent}/models/{model}:predictLongRunning": {"instances": [{"prompt": "x"}]},
    "/veo/{version}/{parent}/models/{model}:fetchPredictOperation": {
        "operationName": "/operations/" + "z" * 26
    },
}


async def _key(api: RunningApi, *scopes: Scope) -> str:
    """Return a new key with these scopes."""
    request = pb.CreateKeyRequest(tenant="studio", actor="ada", scopes=scopes_to_proto(scopes))
    answer = await api.access.CreateKey(request, metadata=bearer(OPERATOR))
    return answer.secret


async def _requested(gateway: RunningGateway, method: str, path: str, key: str) -> httpx.Response:
    """Send a right request to a route."""
    headers = {"Authorization": f"Bearer {key}"}
    filled = path.format_map(VALUES)
    if path in ("/api/v1/inputs", "/replicate/v1/files"):
        return await gateway.client.post(filled, files={"file": b"x"}, headers=headers)
    if method == "GET":
        return await gateway.client.get(filled, headers=headers)
    return await gateway.client.request(method, filled, json=BODIES.get(path), headers=headers)


async def test_every_route_needs_its_scope(tmp_path: Path) -> None:
    """A key that may only manage keys reaches no job, and a key with every other scope no keys."""
    file = tmp_path / "keys"
    file.write_text(f"{OPERATOR} *\n")
    async with running_api(read_keys(file)) as api, running_gateway(api.target, file) as gateway:
        admin, user = await _key(api, Scope.ADMIN), await _key(api, *USER_SCOPES)
        for method, path in sorted(served()):
            if method == "HEAD" or path in OF_ANYONE:
                continue
            response = await _requested(gateway, method, path, user if path.startswith(OF_KEYS) else admin)
            if path == OF_EVERY_TENANT:
                assert response.status_code == 403, path
                assert (await _requested(gateway, method, path, OPERATOR)).status_code == 200, path
                continue
            if path in OF_ANY_KEY:
                assert response.status_code not in (401, 403), path
                continue
            assert response.status_code == 403, (method, path, response.text)
            assert "scope" in response.text, (method, path, response.text)
        with pytest.raises(InvalidStatus) as refused:
            async with connected(gateway.ws_url, Authorization=f"Bearer {admin}"):
                pass
        assert refused.value.response.status_code == 403
