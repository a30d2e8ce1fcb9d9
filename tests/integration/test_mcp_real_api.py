"""The Model Context Protocol in front of the real api: tenants are apart, and keys do what their scopes say."""

from __future__ import annotations

from pathlib import Path

import pytest
from kinolog_gateway.mcp.tools import TOOLS
from mcp import Client, MCPError

from kinolog.access.api_key import Scope
from kinolog.access.key_text import key_digest
from kinolog.codec.access import SCOPE_TO_PROTO
from kinolog.process.api_keys import KeyHolder
from kinolog.v1 import access_service_pb2 as pb
from tests.builders.running_api import RunningApi, running_api
from tests.unit.gateway.conftest import running_gateway
from tests.unit.gateway.mcp_client import mcp_connected, text_of

ADA, EVE = "ada-0123456789abcdef", "eve-0123456789abcdef"
KEYS = {
    key_digest(key): KeyHolder(tenant=tenant, actor=tenant) for key, tenant in ((ADA, "studio"), (EVE, "lab"))
}
PROMPT = "a heron named Quillfeather stands in a pond"
OPERATOR = "operator-0123456789abcdef"
VIDEO = b"the bytes of a video"
SCOPE_OF = {
    "generate_video": Scope.SUBMIT,
    "plan_video": Scope.SUBMIT,
    "get_video": Scope.READ,
    "list_videos": Scope.READ,
    "get_storyboard": Scope.READ,
    "list_models": Scope.READ,
    "share_video": Scope.READ,
    "cancel_video": Scope.CANCEL,
    "get_history": Scope.AUDIT,
    "verify_video": Scope.AUDIT,
}
OF_ONE_JOB = ("get_video", "share_video", "cancel_video", "get_storyboard", "get_history", "verify_video")


async def submitted(client: Client) -> str:
    """Submit a job over MCP. Return its id."""
    made = await client.call_tool("generate_video", {"prompt": PROMPT, "wait_seconds": 0})
    job_id: str = made.structured_content["job"]["job_id"]
    return job_id


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
        done, queued = await submitted(ada), await submitted(ada)
        await api.complete(done, VIDEO)
        for name in OF_ONE_JOB:
            refused = await eve.call_tool(name, {"job_id": done})
            assert text_of(refused) == f"JOB_NOT_FOUND: there is no job {done}", name
        for part in ("", "/storyboard", "/history", "/video", "/poster"):
            with pytest.raises(MCPError, match="there is no job"):
                await eve.read_resource(f"kinolog://jobs/{done}{part}")
        assert (await eve.call_tool("list_videos", {})).structured_content["jobs"] == []
        assert [one.uri for one in (await eve.list_resources()).resources] == ["kinolog://models"]
        for name in OF_ONE_JOB:
            job_id = queued if name == "cancel_video" else done
            assert not (found := await ada.call_tool(name, {"job_id": job_id})).is_error, text_of(found)
        job = (await ada.call_tool("get_video", {"job_id": queued})).structured_content["job"]
        assert (job["status"], job["untrusted"]["prompt"]) == ("cancelled", PROMPT)
        shared = (await ada.call_tool("share_video", {"job_id": done})).structured_content
        assert shared["expires_at"]
        assert (await gateway.client.get(shared["video"])).content == VIDEO
        assert (await gateway.client.get(f"/api/v1/result/{done}/video")).status_code == 401


async def test_a_key_without_the_scope() -> None:
    """A tool does for a key what its scopes allow, and says else which scope is missing."""
    holders = {key_digest(OPERATOR): KeyHolder()}
    async with running_api(holders) as api, running_gateway(api.target) as gateway:
        keys = {scope: await _key(api, scope) for scope in {*SCOPE_OF.values()}}
        async with mcp_connected(gateway, Authorization=f"Bearer {keys[Scope.SUBMIT]}") as client:
            made = await client.call_tool("generate_video", {"prompt": PROMPT, "wait_seconds": 9})
            assert "This call could not wait: " in text_of(made)
            job_id = made.structured_content["job"]["job_id"]
            ended = await submitted(client)
        await api.complete(ended)
        assert SCOPE_OF.keys() == TOOLS.keys()
        for scope, key in keys.items():
            async with mcp_connected(gateway, Authorization=f"Bearer {key}") as client:
                for name in TOOLS:
                    of_job = {"job_id": job_id if name == "cancel_video" else ended}
                    arguments = of_job if name in OF_ONE_JOB else {}
                    if name == "generate_video":
                        arguments = {"prompt": PROMPT, "wait_seconds": 0}
                    if name == "plan_video":
                        arguments = {"prompt": PROMPT}
                    result = await client.call_tool(name, arguments)
                    assert result.is_error == (scope is not SCOPE_OF[name]), f"{scope}: {name}"
                    assert not result.is_error or text_of(result).startswith("SCOPE_MISSING: "), name


async def _key(api: RunningApi, scope: Scope) -> str:
    request = pb.CreateKeyRequest(tenant="studio", actor="ada", scopes=[SCOPE_TO_PROTO[scope]])
    created = await api.access.CreateKey(request, metadata=(("authorization", f"Bearer {OPERATOR}"),))
    return created.secret
