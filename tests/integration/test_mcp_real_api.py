"""The Model Context Protocol in front of the real api: tenants are apart."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from mcp import MCPError

from kinolog.process.api_keys import KeyHolder
from tests.builders.running_api import running_api
from tests.unit.gateway.conftest import running_gateway
from tests.unit.gateway.mcp_client import mcp_connected, text_of

ADA, EVE = "ada-0123456789abcdef", "eve-0123456789abcdef"
KEYS = {
    sha256(key.encode()).digest(): KeyHolder(tenant=tenant, actor=tenant)
    for key, tenant in ((ADA, "studio"), (EVE, "lab"))
}
PROMPT = "a heron named Quillfeather stands in a pond"
OF_ONE_JOB = ("get_video", "cancel_video", "get_storyboard", "get_history", "verify_video")


async def test_tenants_are_apart(tmp_path: Path) -> None:
    """The owner of a job reads it through every tool and resource. For another tenant it does not exist."""
    keys = tmp_path / "keys"
    keys.write_text(f"{ADA} studio ada\n{EVE} lab eve\n")
    async with (
        running_api(KEYS) as api,
        running_gateway(api.target, keys) as gateway,
        mcp_connected(gateway, Authorization=f"Bearer {ADA}") as ada,
        mcp_connected(gateway, Authorization=f"Bearer {EVE}") as eve,
    ):
        made = await ada.call_tool("generate_video", {"prompt": PROMPT, "wait_seconds": 0})
        job_id = made.structured_content["job"]["job_id"]
        for name in OF_ONE_JOB:
            refused = await eve.call_tool(name, {"job_id": job_id})
            assert text_of(refused) == f"JOB_NOT_FOUND: there is no job {job_id}", name
        for part in ("", "/storyboard", "/history", "/video", "/poster"):
            with pytest.raises(MCPError, match="there is no job"):
                await eve.read_resource(f"kinolog://jobs/{job_id}{part}")
        assert (await eve.call_tool("list_videos", {})).structured_content["jobs"] == []
        assert [one.uri for one in (await eve.list_resources()).resources] == ["kinolog://models"]
        for name in OF_ONE_JOB:
            assert not (found := await ada.call_tool(name, {"job_id": job_id})).is_error, text_of(found)
        cancelled = (await ada.call_tool("get_video", {"job_id": job_id})).structured_content["job"]
        assert (cancelled["status"], cancelled["untrusted"]["prompt"]) == ("cancelled", PROMPT)
