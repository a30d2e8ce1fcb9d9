"""Where a gateway is: proxies of the environment, and addresses of the WebSocket."""

from __future__ import annotations

import sys

import pytest

from kinolog_client import (
    AsyncKinologClient,
    Certificates,
    GatewayError,
    GatewayUnreachable,
    InvalidSettings,
    KinologClient,
)
from kinolog_client.endpoint import Endpoint
from kinolog_client.live.connection import loss_text
from kinolog_stack.tcp_ports import free_port
from tests.unit.client.either_client import FAST, EitherClient
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.recording_api import RecordingApi


@pytest.mark.parametrize("flavour", ["blocking", "async"])
async def test_a_proxy_does_not_stand_before_this_machine(
    flavour: str, gateway: RunningGateway, api: RecordingApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway on this machine is reached past the proxies of the environment, by REST and live."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    api.add_job()
    near = EitherClient(flavour, gateway.url, live=FAST)
    updates = near.watch()
    assert (await anext(updates)).counts.total == 1
    assert near.links == ["connecting", "live"]
    await updates.aclose()
    await near.close()
    proxied = EitherClient(flavour, gateway.url, trust_env=True, retries=0)
    with pytest.raises(GatewayUnreachable):
        await proxied.call("jobs")
    await proxied.close()


@pytest.mark.parametrize(
    ("url", "live", "uses_environment"),
    [
        ("http://127.0.0.1:8085", "ws://127.0.0.1:8085/ws", False),
        ("http://localhost:8085", "ws://localhost:8085/ws", False),
        ("http://[::1]:8085", "ws://[::1]:8085/ws", False),
        ("https://films.example/kinolog", "wss://films.example/kinolog/ws", True),
        ("http://10.0.0.7:8085", "ws://10.0.0.7:8085/ws", True),
        ("http://bücher.example", "ws://bücher.example/ws", True),
    ],
)
def test_addresses(url: str, live: str, uses_environment: bool) -> None:
    """The WebSocket is beside REST; only a loopback address passes the environment by."""
    endpoint = Endpoint(url)
    assert (endpoint.ws_url, endpoint.uses_environment) == (live, uses_environment)
    assert Endpoint(url, trust_env=not uses_environment).uses_environment is not uses_environment


def test_certificates_demand_encryption() -> None:
    """The key goes to no other machine in plain then. What stays on this machine needs no encryption."""
    with pytest.raises(InvalidSettings, match=r"http://10\.0\.0\.7:8085.*write https://"):
        Endpoint("http://10.0.0.7:8085", "secret", certificates=Certificates("ours.pem"))
    assert Endpoint("http://127.0.0.1:8085", "secret", certificates=Certificates("ours.pem")).is_loopback


def test_the_key_is_not_shown() -> None:
    """The key is in the headers, and in no text that an error could show."""
    endpoint = Endpoint("http://127.0.0.1:8085", "a-secret-key")
    assert endpoint.headers == {"Authorization": "Bearer a-secret-key"}
    assert "secret" not in repr(endpoint)


@pytest.mark.parametrize("client", [KinologClient, AsyncKinologClient])
@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "127.0.0.1:8085",
        "localhost:8085",
        "http://",
        "http://[",
        "http://here:port",
        "ftp://films.example",
        "http://films.example\n",
        "http://films.example/?x=1",
        "http://films.example/#x",
    ],
)
def test_what_is_no_address_is_refused(client: type[KinologClient | AsyncKinologClient], url: str) -> None:
    """An address that no request can go to is refused before any is sent, as both kinds of error."""
    for kind in (GatewayError, ValueError):
        with pytest.raises(kind, match="not the address of a gateway") as raised:
            client(url)
        assert isinstance(raised.value, InvalidSettings)
        assert "kinolog up" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:s3cr3t@films.example",
        "https://s3cr3t@films.example:8085/kinolog",
        "http://user:s3/cr3t@films.example",
        "user:s3cr3t@films.example",
        "http://user:s3cr3t@films.example:port",
    ],
)
def test_a_password_in_the_address_is_refused_and_not_shown(url: str) -> None:
    """User and password would replace the API key; the text of the error has neither."""
    with pytest.raises(InvalidSettings, match=r"films\.example") as raised:
        Endpoint(url)
    assert "cr3t" not in str(raised.value)
    assert "user:" not in str(raised.value)


@pytest.mark.parametrize("client", [KinologClient, AsyncKinologClient])
@pytest.mark.parametrize(
    "key", ["s3cr3t-é", "s3cr3t\n", "s3cr3t\r\nX-Evil: 1", " s3cr3t", "s3cr3t\x00", "s3cr3t\u200b"]
)
def test_a_key_that_no_header_can_have_is_refused(
    client: type[KinologClient | AsyncKinologClient], key: str
) -> None:
    """Such a key is refused before a request is sent, and is in no text."""
    with pytest.raises(InvalidSettings, match="printable ASCII") as raised:
        client("http://127.0.0.1:8085", key)
    assert "s3cr3t" not in str(raised.value)


@pytest.mark.parametrize("client", [KinologClient, AsyncKinologClient])
def test_a_proxy_that_cannot_be_used_is_named(
    client: type[KinologClient | AsyncKinologClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A SOCKS proxy without its library, one of another scheme, and missing certificates are errors of the client."""
    for name in (
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "NO_PROXY",
        "no_proxy",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("all_proxy", "socks5://proxy.example:1080")
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(InvalidSettings, match=r"httpx\[socks\].*trust_env=False"):
        client("http://films.example")
    client("http://films.example", trust_env=False)
    client("http://127.0.0.1:8085")
    monkeypatch.setenv("all_proxy", "gopher://proxy.example")
    with pytest.raises(InvalidSettings, match="trust_env=False"):
        client("http://films.example")
    monkeypatch.delenv("all_proxy")
    monkeypatch.setenv("SSL_CERT_FILE", "/missing/certificates.pem")
    with pytest.raises(InvalidSettings, match="SSL_CERT_FILE"):
        client("https://films.example")
    client("http://127.0.0.1:8085")
    assert "python-socks" in loss_text(ImportError("python-socks is required to use a SOCKS proxy"))
