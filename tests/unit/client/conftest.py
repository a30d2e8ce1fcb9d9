"""Both clients against a gateway that really serves, in front of an api that records its calls."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fixtures.unreliable_network import UnreliableNetwork, unreliable_network
from tests.unit.client.either_client import FAST, EitherClient
from tests.unit.gateway.conftest import RunningGateway, api, gateway

__all__ = ["api", "gateway"]  # fixtures


@pytest.fixture(params=["blocking", "async"])
async def client(request: pytest.FixtureRequest, gateway: RunningGateway) -> AsyncIterator[EitherClient]:
    """The blocking client, then the async one."""
    either = EitherClient(request.param, gateway.url, live=FAST)
    yield either
    await either.close()


@pytest.fixture
async def network(gateway: RunningGateway) -> AsyncIterator[UnreliableNetwork]:
    """A network between a client and the gateway."""
    async with unreliable_network(gateway.url) as between:
        yield between


@pytest.fixture(params=["blocking", "async"])
async def distant(request: pytest.FixtureRequest, network: UnreliableNetwork) -> AsyncIterator[EitherClient]:
    """Each client in turn, connected through that network."""
    either = EitherClient(request.param, network.url, live=FAST)
    yield either
    await either.close()
