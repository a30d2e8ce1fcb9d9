"""Questions about commits over REST."""

from __future__ import annotations

from kinolog_gateway.responses.search.found_reads import found_reads_view

from kinolog.connections.named_client import CLIENT_ROUTE_KEY, known_route
from kinolog.v1 import audit_service_pb2 as audit
from kinolog.v1 import read_pb2
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.recording_api import RecordingApi


async def test_events_are_found_page_by_page(gateway: RunningGateway, api: RecordingApi) -> None:
    """The question, the order and the page reach the api; each commit has its job and where it came from."""
    jobs = [api.add_job() for _ in range(3)]
    answer = await gateway.client.get("/api/v1/audit/events", params={"query": "actor=ada", "limit": 2})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert [one["job_id"] for one in body["commits"]] == [jobs[2].id, jobs[1].id]
    assert body["next_position"] == body["commits"][-1]["position"]
    assert body["commits"][0] | {"model": "", "hash": "", "events": []} == {
        "position": jobs[2].position,
        "at": "2026-11-22T15:00:00Z",
        "command": "submit",
        "command_id": "c1",
        "actor": "ada",
        "api_key_id": "",
        "client": "",
        "address": "",
        "via": "",
        "events": [],
        "version": body["commits"][0]["version"],
        "hash": "",
        "previous_hash": None,
        "previous_position": None,
        "job_id": jobs[2].id,
        "model": "",
    }
    params = {"after": body["next_position"], "oldest_first": "true", "min_position": 3}
    last = (await gateway.client.get("/api/v1/audit/events", params=params)).json()
    assert ([one["job_id"] for one in last["commits"]], last["next_position"]) == ([jobs[0].id], None)
    first, second = api.requests("SearchEvents")
    assert (first.query, first.page_size, first.oldest_first) == ("actor=ada", 2, False)
    assert (second.query, second.page_size, second.oldest_first, second.min_position) == ("", 100, True, 3)


async def test_commands_are_counted(gateway: RunningGateway, api: RecordingApi) -> None:
    """Who sent which commands."""
    answer = await gateway.client.get("/api/v1/audit/commands", params={"query": "since=7d", "limit": 5})
    assert answer.json() == {
        "counts": [
            {
                "actor": "ada",
                "command": "submit",
                "commits": 2,
                "first_at": "2026-11-22T15:00:01Z",
                "last_at": "2026-11-22T15:00:02Z",
                "first_position": 1,
                "last_position": 4,
            }
        ]
    }
    (request,) = api.requests("CountCommands")
    assert (request.query, request.limit) == ("since=7d", 5)


async def test_the_program_and_the_address_of_a_client_reach_the_api(
    gateway: RunningGateway, api: RecordingApi
) -> None:
    """The first product of the user agent is passed on; what is no product is not."""
    programs = {
        "curl/8.5.0 (x86_64) \u00e9": "curl/8.5.0",
        "(odd)": None,
        "OpenAI/Python 1.2": "OpenAI/Python",
    }
    for agent in programs:
        await gateway.client.get("/api/v1/jobs", headers=[(b"user-agent", agent.encode("latin-1"))])
    metadata = [sent for name, _, sent in api.calls if name == "ListJobs"]
    assert [sent.get("x-kinolog-client-program") for sent in metadata] == list(programs.values())
    assert {sent["x-kinolog-client-address"] for sent in metadata} == {"127.0.0.1"}


async def test_the_queue_as_it_was(gateway: RunningGateway, api: RecordingApi) -> None:
    """A position or a time reaches the api; a job that waited for a worker has a place."""
    jobs = [api.add_job() for _ in range(2)]
    body = (await gateway.client.get("/api/v1/audit/queue", params={"as_of": "2", "limit": 7})).json()
    assert (body["position"], body["queued_total"], body["running_total"]) == (2, 1, 1)
    assert body["queued"] == [
        {
            "job_id": jobs[1].id,
            "model": "kinolog-tiny",
            "priority": "high",
            "jobs_before": 0,
            "queued_at": "2026-11-22T15:00:01Z",
            "paused": False,
            "attempt": 0,
            "worker": "",
            "since": "2026-11-22T15:00:02Z",
            "since_position": 2,
        }
    ]
    assert (body["running"][0]["worker"], body["running"][0]["jobs_before"]) == ("worker-1", None)
    await gateway.client.get("/api/v1/audit/queue", params={"as_of": "2026-11-22T15:00:00Z"})
    first, second = api.requests("GetQueueAt")
    assert (first.position, first.limit) == (2, 7)
    assert second.time.ToJsonString() == "2026-11-22T15:00:00Z"
    refused = await gateway.client.get("/api/v1/audit/queue", params={"as_of": "yesterday"})
    assert refused.status_code == 400
    assert "must be a position, or a time" in refused.text


async def test_reads_are_found_page_by_page(gateway: RunningGateway, api: RecordingApi) -> None:
    """The question and the page reach the api; each read says who read what, from where and when."""
    params: dict[str, str | int] = {"query": "kind=file", "limit": 2, "oldest_first": "true"}
    answer = await gateway.client.get("/api/v1/audit/reads", params=params)
    assert answer.json() == {
        "reads": [
            {
                "batch": 2,
                "index": 0,
                "first_at": "2026-11-22T15:00:00Z",
                "last_at": "2026-11-22T15:00:01Z",
                "times": 2,
                "actor": "ada",
                "api_key_id": "k1",
                "client": "curl/8.5.0",
                "address": "192.0.2.7",
                "via": "127.0.0.1",
                "kind": "file",
                "method": "ReadArtifact",
                "route": "GET /api/v1/result/{job_id}/video",
                "job_id": "a" * 26,
                "resource": "video",
                "offset": 10,
                "limit": 20,
                "size_bytes": 40,
                "outcome": "ok",
            }
        ],
        "next_cursor": "2.0",
    }
    last = await gateway.client.get("/api/v1/audit/reads", params={"after": "2.0"})
    assert last.json()["next_cursor"] is None
    first, second = api.requests("SearchReads")
    assert (first.query, first.page_size, first.oldest_first) == ("kind=file", 2, True)
    assert (second.query, second.page_size, second.after) == ("", 100, "2.0")


def test_a_read_of_a_kind_of_a_later_version_is_another_one() -> None:
    """The gateway shows what an api of a later version found. The bytes are `kind`, with the number 100."""
    found = audit.FoundRead(read=read_pb2.Read.FromString(b"\x40\x64"))
    (read,) = found_reads_view(audit.SearchReadsResponse(reads=[found])).reads
    assert read.kind == "other"


async def test_the_api_learns_the_route_of_a_request(gateway: RunningGateway, api: RecordingApi) -> None:
    """Method and path template, without what the client filled in."""
    job = api.add_job()
    await gateway.client.get(f"/api/v1/status/{job.id}", headers={"User-Agent": "curl/8.5.0"})
    (metadata,) = [metadata for name, _, metadata in api.calls if name == "GetJob"]
    assert metadata[CLIENT_ROUTE_KEY] == "GET /api/v1/status/{job_id}"
    assert known_route(metadata[CLIENT_ROUTE_KEY])
