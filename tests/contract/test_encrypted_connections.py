"""TLS between clients, gateway and api, with certificates of authorities made here."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio
from kinolog_gateway.app import GatewayServer, listen, server_for
from pydantic import ValidationError
from typer.testing import CliRunner

from kinolog.connections.tls import CertificateUnusable, ClientCertificate, ServerCertificate
from kinolog.process.setting_groups.common import ProcessSettings
from kinolog.process.settings import (
    ApiSettings,
    ClientSettings,
    GatewaySettings,
    LogSettings,
    describe_invalid_setting,
)
from kinolog.process.tasks import end_tasks
from kinolog.v1 import access_service_pb2 as pb
from kinolog.v1.access_service_pb2_grpc import AccessServiceStub
from kinolog_cli.app import app
from kinolog_client import (
    AsyncKinologClient,
    Certificates,
    GatewayUnreachable,
    InvalidSettings,
    KinologClient,
    LinkState,
    Unauthorized,
)
from kinolog_stack.processes.answers import answers_http
from tests.builders.certificates import Authority, IssuedFiles
from tests.builders.running_api import PROMPT, running_api
from tests.fixtures.waits import WAIT_SECONDS
from tests.fixtures.web_server import serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all certificates."""
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def ours(folder: Path) -> Authority:
    """The authority of this installation."""
    return Authority(folder, "ours")


@pytest.fixture(scope="module")
def other(folder: Path) -> Authority:
    """An authority that nobody trusts."""
    return Authority(folder, "other")


@pytest.fixture(scope="module")
def server_files(ours: Authority) -> IssuedFiles:
    """The certificate of the servers."""
    return ours.issue("server")


@asynccontextmanager
async def encrypted_gateway(
    files: IssuedFiles, target: str = "127.0.0.1:1", **settings: Any
) -> AsyncIterator[tuple[str, GatewayServer]]:
    """Run a gateway with a certificate. Yield its address and the server."""
    server = server_for(
        GatewaySettings(
            api_target=target,
            gateway_tls_certificate=files.certificate,
            gateway_tls_key=files.key,
            no_auth=True,
            **settings,
        )
    )
    listener = listen("127.0.0.1", 0)
    async with serving(server, listener):
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", server


async def test_from_a_client_to_the_api(ours: Authority, other: Authority, server_files: IssuedFiles) -> None:
    """REST, WebSocket and gRPC are encrypted, both ends of gRPC show certificates, and the command takes files too."""
    shown = ours.issue("gateway")
    certificate = ServerCertificate(
        certificate=server_files.certificate, key=server_files.key, client_authority=ours.file
    )
    to_api = {
        "api_ca_file": ours.file,
        "api_client_certificate": shown.certificate,
        "api_client_key": shown.key,
    }
    async with (
        running_api(certificate=certificate) as api,
        encrypted_gateway(server_files, api.target, **to_api) as (url, _),
        AsyncKinologClient(url, certificates=Certificates(ours.file)) as client,
        AsyncKinologClient(url, certificates=Certificates(other.file), retries=0) as stranger,
    ):
        job = await client.generate(PROMPT)
        live = asyncio.Event()

        def note(link: LinkState) -> None:
            if link.state == "live":
                live.set()

        async with aclosing(client.watch(on_link=note)) as updates:
            watching = asyncio.ensure_future(anext(updates))
            async with asyncio.timeout(WAIT_SECONDS):
                await live.wait()
            await end_tasks((watching,))
        with pytest.raises(GatewayUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
            await stranger.jobs()
        arguments = ["--url", url, "--ca", str(ours.file), "show", job.job_id]
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        assert (result.exit_code, job.job_id in result.output) == (0, True), result.output
        plain = await asyncio.to_thread(answers_http, url.replace("https", "http"), lambda: False)
        assert (plain, await asyncio.to_thread(answers_http, url, lambda: True)) == (False, True)


async def test_who_may_not_connect_to_the_api(
    ours: Authority, other: Authority, server_files: IssuedFiles
) -> None:
    """A client without a certificate, with one of another authority, one that trusts another, and one in plain."""
    certificate = ServerCertificate(
        certificate=server_files.certificate, key=server_files.key, client_authority=ours.file
    )
    foreign, own = other.issue("foreign"), ours.issue("own")
    async with running_api(certificate=certificate) as api:
        for trusted, shown, admitted in (
            (ours, own, True),
            (ours, None, False),
            (ours, foreign, False),
            (other, own, False),
        ):
            files = ClientCertificate(
                authority=trusted.file,
                certificate=shown.certificate if shown else None,
                key=shown.key if shown else None,
            )
            credentials = grpc.ssl_channel_credentials(*files.content())
            async with aio.secure_channel(api.target, credentials) as channel:
                assert await answers(channel) is admitted
        assert not await answers(api.channel)


async def answers(channel: aio.Channel) -> bool:
    """Return whether the api answers over a channel."""
    try:
        await AccessServiceStub(channel).WhoAmI(pb.WhoAmIRequest())
    except aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        return False
    return True


async def test_clients_of_the_gateway_show_a_certificate(
    ours: Authority, other: Authority, server_files: IssuedFiles
) -> None:
    """With client authorities only their clients connect, and their certificate is no key: calls still need one."""
    own, foreign = ours.issue("own"), other.issue("foreign")
    settings: dict[str, Any] = {"gateway_tls_client_ca": ours.file, "require_key": True}
    async with encrypted_gateway(server_files, **settings) as (url, _):
        for shown, outcome in (
            (own, Unauthorized),
            (None, GatewayUnreachable),
            (foreign, GatewayUnreachable),
        ):
            pair = (shown.certificate, shown.key) if shown else (None, None)
            trust = Certificates(ours.file, *pair)
            async with AsyncKinologClient(url, certificates=trust, retries=0) as client:
                with pytest.raises(outcome):
                    await client.jobs()


async def test_replaced_files_count_without_a_new_start(folder: Path, ours: Authority) -> None:
    """Gateway and api show a renewed certificate. One that cannot be used leaves the earlier one in force."""
    files = ours.issue("renewed")
    pair = ServerCertificate(certificate=files.certificate, key=files.key)
    async with encrypted_gateway(files) as (url, server), running_api(certificate=pair) as api:
        ports = [int(address.rpartition(":")[2]) for address in (url, api.target)]
        before = [await shown_to(port, ours) for port in ports]
        assert before[0] == before[1]
        ours.issue("renewed")
        await server.on_tick(0)
        after = [await shown_to(port, ours) for port in ports]
        assert (after[0] == after[1], after[0] != before[0]) == (True, True)
        files.key.write_text("no key")
        await server.on_tick(0)
        assert [await shown_to(port, ours) for port in ports] == after


async def shown_to(port: int, authority: Authority) -> bytes:
    """Return the certificate that a server on this machine shows."""
    context = ssl.create_default_context(cafile=authority.file)
    context.set_alpn_protocols(["h2", "http/1.1"])
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return found


def test_files_that_cannot_be_used(folder: Path, ours: Authority, server_files: IssuedFiles) -> None:
    """What is wrong with a file is said, with its name, before anything listens or is sent."""
    elsewhere, wrong = folder / "elsewhere", folder / "wrong.pem"
    wrong.write_text("nothing")
    second = ours.issue("second")
    for certificate, key, authority, told in (
        (elsewhere, server_files.key, None, "cannot read"),
        (server_files.certificate, second.key, None, "do not belong together"),
        (wrong, server_files.key, None, "as PEM"),
        (server_files.certificate, server_files.key, wrong, "no certificates of authorities"),
        (server_files.certificate, server_files.key, elsewhere, "cannot read"),
    ):
        with pytest.raises(CertificateUnusable, match=told):
            ServerCertificate(certificate=certificate, key=key, client_authority=authority).content()
    for trust in (Certificates(elsewhere), Certificates(wrong), Certificates(None, wrong, wrong)):
        with pytest.raises(InvalidSettings, match="cannot use the certificate"):
            KinologClient("https://127.0.0.1:1", certificates=trust)


@pytest.mark.parametrize(
    ("settings", "given", "told"),
    [
        (ApiSettings, {"api_tls_certificate": "a"}, "KINOLOG_API_TLS_KEY come together"),
        (ApiSettings, {"api_tls_client_ca": "a"}, "nothing is encrypted"),
        (GatewaySettings, {"gateway_tls_key": "a"}, "KINOLOG_GATEWAY_TLS_KEY come together"),
        (
            GatewaySettings,
            {"api_client_certificate": "a", "api_client_key": "b"},
            "needs KINOLOG_API_CA_FILE",
        ),
        (LogSettings, {"nats_key": "a"}, "KINOLOG_NATS_KEY come together"),
        (LogSettings, {"nats_url": "ws://a", "nats_ca_file": "b"}, "KINOLOG_NATS_URL: ws:// is in plain"),
        (LogSettings, {"nats_url": "wss://a, ws://b"}, "another URL demands encryption"),
        (ClientSettings, {"client_key": "a"}, "KINOLOG_CLIENT_KEY come together"),
    ],
)
def test_halves_of_settings(settings: type[ProcessSettings], given: dict[str, str], told: str) -> None:
    """Settings that would leave a connection in plain, or that miss their other half, are refused."""
    with pytest.raises(ValidationError) as caught:
        settings.model_validate(given)
    text = describe_invalid_setting(caught.value)
    assert told in text
    assert not text.startswith("KINOLOG_:")
