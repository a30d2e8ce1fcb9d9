"""The client of fal, as its users have it, against the gateway behind TLS: it knows no other addresses than https."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kinolog_gateway.app import listen, server_for

from kinolog.process.settings import GatewaySettings
from kinolog.v1 import job_pb2
from tests.builders.interfaces import ADA, INPUT_MODELS, key_file
from tests.builders.running_api import PROMPT, RunningApi, running_api
from tests.builders.uploaded_files import picture
from tests.fixtures.web_server import serving

HOOK = "https://1.1.1.1/hook"
VIDEO = bytes(range(256)) * 64


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """The real api over memory, with a model that starts from a picture."""
    async with running_api(catalogue=INPUT_MODELS) as running:
        yield running


def certificate(folder: Path) -> Path:
    """Write a certificate of this machine with its key. Return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "tls.pem"
    plain = serialization.NoEncryption()
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return file


@asynccontextmanager
async def tls_gateway(api: RunningApi, folder: Path) -> AsyncIterator[tuple[str, Path]]:
    """Run a gateway with a key that serves https itself. Yield host and port, and its certificate."""
    file = certificate(folder)
    settings = GatewaySettings(gateway_port=0, api_target=api.target, api_key_file=key_file(folder))
    server = server_for(settings)
    server.config.ssl_certfile = server.config.ssl_keyfile = str(file)
    listener = listen("127.0.0.1", 0)
    async with serving(server, listener):
        yield f"127.0.0.1:{listener.getsockname()[1]}", file


async def test_the_client_of_fal(api: RunningApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Submits, follows, gets a link that anyone can read for a while; failures are told with their reason."""
    async with tls_gateway(api, tmp_path) as (host, file):
        monkeypatch.setenv("FAL_QUEUE_RUN_HOST", f"{host}/fal")  # read as the module is imported
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        import fal_client

        client = fal_client.AsyncClient(key=ADA)
        wanted = {"prompt": PROMPT, "num_frames": 9, "seed": 7, "enable_safety_checker": True}
        handle = await client.submit(
            "fal-ai/kinolog-tiny/text-to-video", wanted, priority="low", webhook_url=HOOK
        )
        job = await api.job(handle.request_id)
        assert (job.spec.webhook, job.spec.webhook_format) == (HOOK, "fal")
        assert (job.spec.prompt, job.spec.frames, job.priority) == (PROMPT, 9, job_pb2.PRIORITY_LOW)
        assert await handle.status() == fal_client.Queued(position=0)
        getting = asyncio.create_task(handle.get(interval=0.001))
        await api.complete(handle.request_id, VIDEO)
        result = await getting
        assert (result["seed"], result["video"]["file_size"]) == (7, len(VIDEO))
        trusted = ssl.create_default_context(cafile=file)
        async with httpx.AsyncClient(verify=trusted, trust_env=False) as anyone:
            assert (await anyone.get(result["video"]["url"])).content == VIDEO
        again = await client.result("fal-ai/kinolog-tiny", handle.request_id)
        assert again["video"]["file_name"] == result["video"]["file_name"]
        await _failures(client, fal_client, api)
        await (await client._client).aclose()


async def _failures(client: Any, fal_client: Any, api: RunningApi) -> None:
    image = fal_client.encode(picture(), "image/png")
    handle = await client.submit("i2v", {"prompt": PROMPT, "image_url": image})
    job = await api.job(handle.request_id)
    assert [one.role for one in job.inputs] == [job_pb2.INPUT_ROLE_FIRST_FRAME]
    await api.start_attempt(job.id)
    running = await handle.status(with_logs=True)
    assert isinstance(running, fal_client.InProgress)
    assert running.logs == []
    other = await client.submit("default", {"prompt": PROMPT}, start_timeout=59.5)
    job = await api.job(other.request_id)
    assert job.start_before.ToDatetime() - job.created_at.ToDatetime() == timedelta(minutes=1)
    await other.cancel()
    ended = await other.status()
    assert (ended.error, ended.error_type) == ("the video was cancelled", "cancelled")
    with pytest.raises(fal_client.FalClientHTTPError, match="the video was cancelled"):
        await other.get(interval=0.001)
    with pytest.raises(fal_client.FalClientHTTPError, match="num_frames must be greater"):
        await client.submit("default", {"prompt": PROMPT, "num_frames": 0})
    with pytest.raises(fal_client.FalClientHTTPError, match="those are default, kinolog-tiny, i2v, v2v"):
        await client.submit("fal-ai/veo3", {"prompt": PROMPT})
