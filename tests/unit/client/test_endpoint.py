"""Where a gateway is: proxies of the environment, and addresses of the WebSocket."""

from __future__ import annotations

import pytest

from kinolog_client import GatewayUnreachable
from kinolog_client.endpoint import Endpoint
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
    ],
)
def test_addresses(url: str, live: str, uses_environment: bool) -> None:
    """The WebSocket is beside REST; only a loopback address passes the environment by."""
    endpoint = Endpoint(url)
    assert (endpoint.ws_url, endpoint.uses_environment) == (live, uses_environment)
    assert Endpoint(url, trust_env=not uses_environment).uses_environment is not uses_environment


def test_the_key_is_not_shown() -> None:
    """The key is in the headers, and in no text that an error could show."""
    endpoint = Endpoint("http://127.0.0.1:8085", "a-secret-key")
    assert endpoint.headers == {"Authorization": "Bearer a-secret-key"}
    assert "secret" not in repr(endpoint)
