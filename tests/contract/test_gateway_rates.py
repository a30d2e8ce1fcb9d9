"""Rates of requests: a real gateway before a real api."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from kinolog.process.api_keys import read_keys
from kinolog.tenants.followed_file import FollowedPolicies
from kinolog.tenants.policy import TenantPolicies, TenantPolicy
from tests.builders.running_api import running_api
from tests.unit.gateway.conftest import RunningGateway, running_gateway

ADA, BEN, OTHER = "ada-key-0123456789", "ben-key-0123456789", "other-key-0123456789"
POLICIES = TenantPolicies(
    named={"studio": TenantPolicy(key_writes="2/hour", writes="3/hour", reads="1/minute")}
)


async def _sent(
    gateway: RunningGateway, key: str, method: str, path: str, body: Any = None
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return await gateway.client.request(method, path, json=body, headers=headers)


async def test_rates_of_a_key_and_of_its_tenant(tmp_path: Path) -> None:
    """Answers say what is left; the request after the last one is 429 with the time to wait, in each dialect."""
    file = tmp_path / "keys"
    file.write_text(f"{ADA} studio ada\n{BEN} studio ben\n{OTHER} other\n")
    policies = FollowedPolicies(without_file=POLICIES)
    async with (
        running_api(read_keys(file), policies=policies) as api,
        running_gateway(api.target, file) as gateway,
    ):
        submit = ("POST", "/api/v1/generate", {"prompt": "A cat."})
        first = await _sent(gateway, ADA, *submit)
        assert first.status_code == 202, first.text
        assert first.headers["RateLimit-Policy"] == '"key-writes";q=2;w=3600, "writes";q=3;w=3600'
        assert first.headers["RateLimit"] == '"key-writes";r=1;t=3600, "writes";r=2;t=3600'
        assert (await _sent(gateway, ADA, *submit)).status_code == 202
        refused = await _sent(gateway, ADA, *submit)
        assert (refused.status_code, refused.json()["reason"]) == (429, "RATE_LIMITED")
        assert "this key may send 2 writes a hour: send this again in" in refused.json()["detail"]
        assert 3500 < int(refused.headers["Retry-After"]) <= 3600
        assert refused.headers["RateLimit"].startswith('"key-writes";r=0;t=')
        assert (await _sent(gateway, BEN, *submit)).status_code == 202
        of_tenant = await _sent(gateway, BEN, "POST", "/v1/videos", {"prompt": "A cat."})
        assert of_tenant.status_code == 429
        error = of_tenant.json()["error"]
        assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limited")
        assert "this tenant may send 3 writes" in error["message"]
        assert (
            (await _sent(gateway, BEN, "GET", "/api/v1/jobs")).headers["RateLimit"].startswith('"reads";r=0;')
        )
        assert (await _sent(gateway, BEN, "GET", "/api/v1/jobs")).status_code == 429
        free = await _sent(gateway, OTHER, *submit)
        assert free.status_code == 202
        assert "RateLimit" not in free.headers
