"""The pages for browsers."""

from __future__ import annotations

import re
from pathlib import Path

from tests.unit.gateway.conftest import running_gateway
from tests.unit.gateway.recording_api import RecordingApi


async def test_pages_need_no_key_and_load_nothing_from_elsewhere(api: RecordingApi, tmp_path: Path) -> None:
    """Both pages, and each file that they name, come from the gateway; their policies forbid all else."""
    keys = tmp_path / "keys"
    keys.write_text("ada-0123456789abcdef studio\n")
    async with running_gateway(api.target, keys) as gateway:
        for path in ("/", "/docs"):
            page = await gateway.client.get(path)
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            policy = page.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "http" not in policy
            named = re.findall(r"""(?:src|href)="([^"]+)\"""", page.text)
            assert len(named) >= 3
            for name in named:
                found = await gateway.client.get(f"/{name.lstrip('/')}")
                assert found.status_code == 200, name
        script = (await gateway.client.get("/docs/start.js")).text
        assert re.findall(r"https?:", script) == []
        assert (await gateway.client.get("/docs/nothing")).status_code == 404
        assert (await gateway.client.get("/docs/files/..%2F..%2Fmain.py")).status_code == 404
