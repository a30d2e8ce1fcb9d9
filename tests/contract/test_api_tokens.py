"""Tokens of identity providers in place of API keys, over real connections to the api and the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from kinolog_api.identity_tokens.issuer_keys import FRESH_SECONDS
from kinolog_api.identity_tokens.token_verifier import MAX_TOKEN_CHARACTERS, TokenVerifier
from kinolog_api.rpc.authentication import TENANT_KEY
from kinolog_gateway.http import callers
from kinolog_gateway.live import session

from kinolog.access.key_text import key_digest
from kinolog.process.api_keys import KeyHolder
from kinolog.tenants.followed_file import FollowedPolicies
from kinolog.tenants.policy import TenantPolicies, TenantPolicy
from kinolog.v1 import access_service_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs
from kinolog.v1 import ticket_service_pb2 as tickets
from kinolog_client import AsyncKinologClient, Forbidden, Unauthorized
from tests.builders.call_metadata import bearer
from tests.builders.running_api import PROMPT, RunningApi, refused, running_api
from tests.builders.token_issuer import ISSUER, RULES, TokenIssuer
from tests.unit.gateway.conftest import running_gateway
from tests.unit.gateway.ws_client import connected

WHO, TEAM = pb.WhoAmIRequest(), "team-key-0123456789"


@pytest.fixture
def issuer() -> TokenIssuer:
    """An issuer with one key."""
    found = TokenIssuer()
    found.publish()
    return found


@pytest.fixture
async def api(issuer: TokenIssuer) -> AsyncIterator[RunningApi]:
    """An api with a key file that accepts its tokens."""
    keys = {key_digest(TEAM): KeyHolder(tenant="team")}
    async with running_api(keys, tokens=TokenVerifier([ISSUER], issuer, RULES)) as running:
        yield running


async def test_a_token_in_place_of_a_key(api: RunningApi, issuer: TokenIssuer) -> None:
    """It has tenant, actor and scopes of its claims, and is of no other tenant; keys go on."""
    token = issuer.token(scope="submit read")
    long = issuer.token(scope="submit read", groups="g" * 5_600)
    assert 0.95 * MAX_TOKEN_CHARACTERS < len(long) <= MAX_TOKEN_CHARACTERS
    who = await api.access.WhoAmI(WHO, metadata=bearer(long))
    assert (who.tenant, who.actor, len(who.scopes), who.every_tenant) == ("studio", "ada", 2, False)
    submitted = await api.jobs.SubmitJob(jobs.SubmitJobRequest(prompt=PROMPT), metadata=bearer(token))
    assert (submitted.job.tenant, submitted.job.actor) == ("studio", "ada")
    problem = await refused(api.access.WhoAmI(WHO, metadata=bearer(token, (TENANT_KEY, "team"))))
    assert problem.reason == "OTHER_TENANT"
    problem = await refused(api.jobs.CancelJob(jobs.CancelJobRequest(job_id="x"), metadata=bearer(token)))
    assert problem.reason == "SCOPE_MISSING"
    assert (await api.access.WhoAmI(WHO, metadata=bearer(TEAM))).tenant == "team"


async def test_refusals(api: RunningApi, issuer: TokenIssuer) -> None:
    """A token that is wrong, over, or for nobody is UNAUTHENTICATED; an issuer that is away is UNAVAILABLE."""
    for reason, token in (
        ("TOKEN_EXPIRED", issuer.token(exp=1)),
        ("TOKEN_REFUSED", issuer.token(tenant="*")),
        ("TOKEN_REFUSED", issuer.token(aud="other")),
    ):
        problem = await refused(api.access.WhoAmI(WHO, metadata=bearer(token)))
        assert (problem.code, problem.reason) == (grpc.StatusCode.UNAUTHENTICATED, reason)
    issuer.problem = "it is away"
    async with running_api(tokens=TokenVerifier([ISSUER], issuer, RULES)) as other:
        problem = await refused(other.access.WhoAmI(WHO, metadata=bearer(issuer.token())))
        assert (problem.code, problem.reason) == (grpc.StatusCode.UNAVAILABLE, "ISSUER_UNAVAILABLE")
        assert "it is away" in problem.message


async def test_streams_and_tickets_end_with_the_token(api: RunningApi, issuer: TokenIssuer) -> None:
    """A stream ends as its token does, and a ticket that the token issued is refused from then on."""
    token = issuer.token()
    api.clock.now = datetime.now(UTC)
    end = api.clock.now + timedelta(hours=1)
    issued = await api.tickets.CreateLiveTicket(tickets.CreateLiveTicketRequest(), metadata=bearer(token))
    redeemed = await api.tickets.RedeemTicket(tickets.RedeemTicketRequest(ticket=issued.ticket))
    assert (await api.access.WhoAmI(WHO, metadata=bearer(redeemed.credential))).tenant == "studio"
    api.clock.now = end
    stream = api.jobs.WatchJobs(jobs.WatchJobsRequest(), metadata=bearer(token))
    problem = await refused(stream)
    assert (problem.reason, "the token has ended" in problem.message) == ("TOKEN_EXPIRED", True)
    problem = await refused(api.access.WhoAmI(WHO, metadata=bearer(redeemed.credential)))
    assert (problem.reason, "the key that issued" in problem.message) == ("TICKET_REFUSED", True)


async def test_tickets_of_an_issuer_that_is_trusted_no_more(api: RunningApi, issuer: TokenIssuer) -> None:
    """A ticket of a token counts only while its issuer does."""
    token = issuer.token()
    issued = await api.tickets.CreateLiveTicket(tickets.CreateLiveTicketRequest(), metadata=bearer(token))
    async with running_api(stores_of=api) as other:
        request = tickets.RedeemTicketRequest(ticket=issued.ticket)
        assert (await refused(other.tickets.RedeemTicket(request))).reason == "TICKET_REFUSED"


async def test_an_api_without_issuers_refuses_tokens(issuer: TokenIssuer) -> None:
    """Also where calls need no key: a gateway that trusts issuers must not take everyone for their users."""
    async with running_api() as api:
        problem = await refused(api.access.WhoAmI(WHO, metadata=bearer(issuer.token())))
        assert (problem.reason, "KINOLOG_OIDC_ISSUERS" in problem.message) == ("TOKEN_REFUSED", True)


@pytest.mark.parametrize("settings", [{"oidc_issuers": [ISSUER]}, {}])
async def test_tokens_through_the_gateway(
    issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    """The gateway asks the api whose a token is, and closes a WebSocket when the api accepts it no more."""
    monkeypatch.setattr(callers, "REMEMBERED_SECONDS", 0.05)
    monkeypatch.setattr(session, "KEY_CHECK_SECONDS", 0.05)
    token, now = issuer.token(scope="read", groups="g" * 4_000), 0.0
    tokens = TokenVerifier([ISSUER], issuer, RULES, lambda: now)
    async with running_api({}, tokens=tokens) as api, running_gateway(api.target, **settings) as gateway:
        async with AsyncKinologClient(gateway.url, token) as client:
            assert (await client.who_am_i()).tenant == "studio"
            with pytest.raises(Forbidden):
                await client.generate(PROMPT)
        async with AsyncKinologClient(gateway.url, issuer.token(aud="other")) as client:
            with pytest.raises(Unauthorized, match="audience"):
                await client.jobs()
        async with connected(gateway.ws_url, Authorization=f"Bearer {token}") as client_socket:
            await client_socket.subscribe("jobs")
            issuer.publish(number=1)
            now = FRESH_SECONDS
            await tokens.refresh()
            await client_socket.socket.wait_closed()
            assert client_socket.socket.close_code == 1008


async def test_tokens_of_one_actor_share_its_rates(issuer: TokenIssuer) -> None:
    """A new token starts no new count; another actor has a count of its own."""
    policies = FollowedPolicies(without_file=TenantPolicies(default=TenantPolicy(key_writes="1/hour")))
    async with running_api({}, tokens=TokenVerifier([ISSUER], issuer, RULES), policies=policies) as api:
        request = jobs.SubmitJobRequest(prompt=PROMPT)
        await api.jobs.SubmitJob(request, metadata=bearer(issuer.token()))
        problem = await refused(api.jobs.SubmitJob(request, metadata=bearer(issuer.token(jti="2"))))
        assert problem.reason == "RATE_LIMITED"
        await api.jobs.SubmitJob(request, metadata=bearer(issuer.token(sub="grace")))
