"""Exports of events, from the real api over memory through a gateway: gRPC, REST and the clients."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import grpc
import pandas
import pytest
from cloudevents.core.formats.json import JSONFormat
from kinolog_api.rpc.authentication import TENANT_KEY
from typer.testing import CliRunner, Result

from kinolog.access.api_key import Scope
from kinolog.access.key_text import key_digest
from kinolog.codec.access import SCOPE_TO_PROTO
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.tree_head import origin_of
from kinolog.process.api_keys import KeyHolder
from kinolog.v1 import access_service_pb2 as ac
from kinolog.v1 import export_service_pb2 as ex
from kinolog.v1 import job_service_pb2 as pb
from kinolog_cli.app import app
from kinolog_cli.exit_codes import ExitCode
from kinolog_client import CommitSelection, ExportInterrupted, GatewayError, KinologClient
from tests.builders.call_metadata import bearer
from tests.builders.running_api import PROMPT, RunningApi, refused, running_api
from tests.fixtures.unreliable_network import unreliable_network
from tests.unit.client.either_client import EitherClient
from tests.unit.gateway.conftest import RunningGateway, running_gateway

OTHER = ((TENANT_KEY, "other"),)


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory with two jobs of one tenant and one of another, nine commits."""
    async with running_api() as running:
        for tenant in ("default", "other", "default"):
            request = pb.SubmitJobRequest(prompt=PROMPT, seed=1)
            job = (await running.jobs.SubmitJob(request, metadata=((TENANT_KEY, tenant),))).job
            await running.complete(job.id)
        yield running


@pytest.fixture
async def gateway(api: RunningApi) -> AsyncIterator[RunningGateway]:
    """A gateway in front of it."""
    async with running_gateway(api.target) as running:
        yield running


@pytest.fixture(params=["blocking", "async"])
async def client(request: pytest.FixtureRequest, gateway: RunningGateway) -> AsyncIterator[EitherClient]:
    """The blocking client, then the async one."""
    either = EitherClient(request.param, gateway.url)
    yield either
    await either.close()


async def export(api: RunningApi, metadata: Any = (), **selection: Any) -> list[int]:
    """Return the positions that an export has."""
    request = ex.ExportEventsRequest(selection=ex.CommitSelection(**selection))
    messages = [each async for each in api.method("ExportEvents")(request, metadata=metadata)]
    assert messages[-1].reached == messages[0].last_position
    return [exported.commit.position for message in messages for exported in message.commits]


def events_in(path: Path) -> list[dict[str, Any]]:
    """Return the events of a file of JSON Lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def names_in(folder: Path) -> list[str]:
    """Return the names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir())


async def test_what_a_selection_has(api: RunningApi) -> None:
    """Positions, times, actors, jobs and tenants select; each field narrows."""
    assert await export(api) == [1, 2, 3, 7, 8, 9]
    assert await export(api, OTHER) == [4, 5, 6]
    assert await export(api, tenant="*") == list(range(1, 10))
    assert await export(api, tenant="other") == [4, 5, 6]
    assert await export(api, first_position=3, last_position=7) == [3, 7]
    assert await export(api, actor="w1") == [2, 3, 8, 9]
    assert await export(api, actor="nobody") == []
    assert await export(api, first_position=12) == []
    whole = [commit async for batch in api.store.read(0) for commit in batch]
    job_id = whole[6].commit.job_id
    assert await export(api, job_id=job_id) == [7, 8, 9]
    assert await export(api, job_id=job_id, actor="w1", last_position=8) == [8]
    since, until = whole[2].commit.at, whole[8].commit.at
    request = ex.CommitSelection()
    request.since.FromDatetime(since.astimezone(UTC))
    request.until.FromDatetime(until.astimezone(UTC))
    assert await export(api, since=request.since, until=request.until) == [3, 7, 8]
    assert await export(api, until=request.since) == [1, 2]


async def test_what_a_key_may_not_export() -> None:
    """A key of one tenant exports nothing of another. Texts of users need the scope read, too."""
    operator, team = "operator-key-0123456789", "team-key-0123456789"
    keys = {
        key_digest(operator): KeyHolder(),
        key_digest(team): KeyHolder(tenant="team", actor="robot"),
    }
    async with running_api(keys) as api:
        await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT), metadata=bearer(team))
        create = ac.CreateKeyRequest(tenant="team", actor="ann", scopes=[SCOPE_TO_PROTO[Scope.AUDIT]])
        auditor = (await api.access.CreateKey(create, metadata=bearer(operator))).secret
        assert await export(api, bearer(auditor)) == [1]
        assert await export(api, bearer(operator), tenant="*") == [1]
        assert await export(api, bearer(operator)) == []
        for tenant in ("*", "other"):
            request = ex.ExportEventsRequest(selection=ex.CommitSelection(tenant=tenant))
            problem = await refused(api.method("ExportEvents")(request, metadata=bearer(auditor)))
            assert (problem.code, problem.reason) == (grpc.StatusCode.PERMISSION_DENIED, "OTHER_TENANT")
        request = ex.ExportEventsRequest(unseal_texts=True)
        problem = await refused(api.method("ExportEvents")(request, metadata=bearer(auditor)))
        assert (problem.reason, problem.metadata) == ("SCOPE_MISSING", {"scope": "read"})
        for bundle in (ex.ExportBundleRequest(with_files=True), ex.ExportBundleRequest(with_keys=True)):
            problem = await refused(api.method("ExportBundle")(bundle, metadata=bearer(auditor)))
            assert (problem.reason, problem.metadata) == ("SCOPE_MISSING", {"scope": "read"})


async def test_an_empty_log_has_an_empty_export(tmp_path: Path) -> None:
    """It has no name yet, and no line."""
    async with running_api() as api, running_gateway(api.target) as gateway:
        assert await export(api) == []
        with KinologClient(gateway.url) as client:
            place = await asyncio.to_thread(client.export_events, tmp_path / "events.jsonl")
        assert place.read_bytes() == b""


async def test_a_job_of_another_tenant_is_not_found(api: RunningApi) -> None:
    """It does not exist; a position after the end of the log is refused."""
    whole = [commit async for batch in api.store.read(0) for commit in batch]
    request = ex.ExportEventsRequest(selection=ex.CommitSelection(job_id=whole[3].commit.job_id))
    problem = await refused(api.method("ExportEvents")(request))
    assert (problem.code, problem.reason) == (grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND")
    request = ex.ExportEventsRequest(selection=ex.CommitSelection(last_position=10))
    assert (await refused(api.method("ExportEvents")(request))).reason == "POSITION_AHEAD"


async def test_lines_are_cloud_events(client: EitherClient, api: RunningApi, tmp_path: Path) -> None:
    """Each line is a CloudEvent 1.0; ids are unique and the order is that of the log; prompts stay sealed."""
    place = await client.call("export_events", tmp_path / "events.jsonl")
    events = events_in(place)
    assert [event["type"] for event in events[:3]] == [
        "kinolog.job.submitted",
        "kinolog.job.storyboard_planned",
        "kinolog.job.queued",
    ]
    (first,) = await anext(api.store.read(0, 1))
    for line, event in zip(place.read_bytes().splitlines(), events, strict=True):
        parsed = JSONFormat().read(None, line)
        assert parsed.get_specversion() == "1.0"
        assert parsed.get_source() == origin_of(leaf_hash(first.raw))
        assert parsed.get_subject() == event["subject"]
        assert parsed.get_time() is not None
        assert all(-(2**31) <= value < 2**31 for value in event.values() if type(value) is int)
        assert set(event) - {"data"} == set(parsed.get_attributes())
    assert len({event["id"] for event in events}) == len(events) == 10
    assert [event["sequence"] for event in events] == sorted(event["sequence"] for event in events)
    assert [event["jobversion"] for event in events] == [1, 2, 3, 4, 5] * 2
    assert PROMPT not in place.read_text()
    assert "unsealed" not in place.read_text()
    assert names_in(tmp_path) == ["events.jsonl"]
    assert await client.items("exported_events") == events


async def test_prompts_are_exported_if_they_are_asked_for(client: EitherClient, api: RunningApi) -> None:
    """Each line says that texts are unsealed. Those of an erased job are gone."""
    selection = CommitSelection(last_position=3)
    events = await client.items("exported_events", selection, prompts=True)
    assert all(event["unsealed"] is True for event in events)
    assert events[0]["data"]["texts"]["prompt"] == PROMPT
    assert PROMPT in events[1]["data"]["texts"]["scene/0"]
    key_id = await api.key_id(events[0]["subject"])
    key = await api.keys.get(key_id)
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=events[0]["subject"]))
    for left in (None, key):  # the key exists for longer, while the files cannot be deleted
        api.keys._keys[key_id] = left
        events = await client.items("exported_events", selection, prompts=True)
        assert [event["data"]["texts"] for event in events] == [{}] * 5
    cancelled = await api.submit("to be cancelled")
    await api.jobs.CancelJob(pb.CancelJobRequest(job_id=cancelled, reason="because of Quillfeather"))
    events = await client.items("exported_events", CommitSelection(job_id=cancelled), prompts=True)
    texts = [event["data"]["texts"] for event in events]
    assert {"cancel_reason": "because of Quillfeather"} in texts


async def test_a_lost_connection_leaves_no_gap(gateway: RunningGateway, tmp_path: Path) -> None:
    """The export goes on after the last whole line, with each event once."""
    async with unreliable_network(gateway.url) as network:
        for flavour in ("blocking", "async"):
            client = EitherClient(flavour, network.url)
            network.cuts = [1_500, 900]
            place = await client.call("export_events", tmp_path / flavour)
            assert network.cuts == []
            assert [event["position"] for event in events_in(place)] == list("1112377789")
            await client.close()


async def test_an_interrupted_export_is_continued(client: EitherClient, tmp_path: Path) -> None:
    """What had arrived stays and is not exported again; the end is that of the beginning. Others are refused."""
    whole = (await client.call("export_events", tmp_path / "whole.jsonl")).read_bytes()

    def stop(reached: int, last: int) -> None:
        assert last == 9
        raise KeyboardInterrupt

    place, selection = tmp_path / "events.jsonl", CommitSelection()
    with pytest.raises(KeyboardInterrupt):
        await client.call("export_events", place, selection, on_progress=stop)
    partial = tmp_path / "events.jsonl.partial"
    begun = partial.read_bytes()
    assert begun
    assert not place.exists()
    partial.write_bytes(begun[: len(begun) * 2 // 3])  # the disk had so much when the power failed
    with pytest.raises(ExportInterrupted, match=r"beginning of another export.*events\.jsonl\.partial"):
        await client.call("export_events", place, CommitSelection(actor="w1"))
    await client.call("export_events", place, selection)
    assert place.read_bytes() == whole
    assert names_in(tmp_path) == ["events.jsonl", "whole.jsonl"]


async def test_a_key_of_another_tenant_does_not_go_on(tmp_path: Path) -> None:
    """Else one file had the events of two tenants. The key that began it goes on."""
    team, other = "team-key-0123456789", "other-key-0123456789"
    holders = {team: KeyHolder(tenant="team", actor="robot"), other: KeyHolder(tenant="other", actor="robot")}
    place = tmp_path / "events.jsonl"

    def stop(reached: int, last: int) -> None:
        raise KeyboardInterrupt

    def export_with(key: str, on_progress: Callable[[int, int], None] | None = None) -> None:
        with KinologClient(running.url, api_key=key) as client:
            client.export_events(place, on_progress=on_progress)

    async with (
        running_api({key_digest(key): holder for key, holder in holders.items()}) as api,
        running_gateway(api.target) as running,
    ):
        for key in holders:
            await api.jobs.SubmitJob(pb.SubmitJobRequest(prompt=PROMPT), metadata=bearer(key))
        with pytest.raises(KeyboardInterrupt):
            await asyncio.to_thread(export_with, team, stop)
        with pytest.raises(GatewayError, match="not what tenant team did"):
            await asyncio.to_thread(export_with, other)
        assert not place.exists()
        await asyncio.to_thread(export_with, team)
    assert {event["tenant"] for event in events_in(place)} == {"team"}


async def test_a_parquet_file_answers_questions(gateway: RunningGateway, tmp_path: Path) -> None:
    """DuckDB and pandas read the columns with their types, as docs/audit-exports.md shows."""
    with KinologClient(gateway.url) as client:
        save = partial(client.export_events, tmp_path / "events.parquet", file_format="parquet")
        place = await asyncio.to_thread(save)
    events = duckdb.read_parquet(str(place))
    firsts = events.filter("event_index = 0").aggregate("actor, count(*)", "actor").order("actor")
    assert firsts.fetchall() == [("anonymous", 2), ("w1", 4)]
    assert events.sum("gpu_seconds").fetchall() == [(3.0,)]
    frame = pandas.read_parquet(place)
    assert len(frame) == 10
    assert frame["time"].dt.tz is not None
    assert frame.loc[frame["type"] == "kinolog.job.submitted", "model"].tolist() == ["kinolog-tiny"] * 2
    assert names_in(tmp_path) == ["events.parquet"]


async def test_the_command_saves_events(
    gateway: RunningGateway,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Options select and the suffix names the format; wrong ones are refused with what is wrong."""
    monkeypatch.setenv("KINOLOG_DATA", str(tmp_path / "data"))

    async def run(*arguments: str) -> Result:
        return await asyncio.to_thread(
            CliRunner().invoke, app, ["--url", gateway.url, "audit", "export", *arguments]
        )

    place = tmp_path / "events.jsonl"
    done = await run("-o", str(place), "--from", "2", "--to", "7", "--actor", "w1")
    assert (done.exit_code, done.stdout) == (ExitCode.OK, f"saved as {place}\n")
    assert [event["position"] for event in events_in(place)] == ["2", "3"]
    capfd.readouterr()
    await run("-o", "-", "--to", "1")
    printed = [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    assert [event["position"] for event in printed] == ["1"] * 3
    table = tmp_path / "events.parquet"
    saved = await run("-o", str(table), "--json")
    assert json.loads(saved.stdout) == {"saved": str(table), "format": "parquet", "prompts": False}
    assert duckdb.read_parquet(str(table)).aggregate("count(*)").fetchall() == [(10,)]
    for wrong, text in (
        (["--format", "csv"], "--format must be one of jsonl, parquet"),
        (["--since", "yesterday"], "--since: 'yesterday' must be a day or a time"),
        (["--since", "2026-11-02", "--until", "2026-11-01"], "--until must be later than --since"),
        (["--from", "3", "--to", "2"], "--to must not be before --from"),
        (["--tenant", "?"], "tenant"),
        (["--actor", "\n"], "actor"),
    ):
        refused_call = await run("-o", str(tmp_path / "no.jsonl"), *wrong)
        assert refused_call.exit_code == ExitCode.USAGE, wrong
        assert text in refused_call.stderr, wrong
    assert names_in(tmp_path) == ["events.jsonl", "events.parquet"]


async def test_the_examples_of_the_page_run(
    gateway: RunningGateway,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Those for DuckDB and pandas, on an export."""
    page = (Path(__file__).parents[2] / "docs" / "audit-exports.md").read_text("utf-8")
    examples = [
        code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "events.parquet" in code
    ]
    with KinologClient(gateway.url) as client:
        save = partial(client.export_events, tmp_path / "events.parquet", file_format="parquet")
        await asyncio.to_thread(save)
    monkeypatch.chdir(tmp_path)
    run = [code for code in examples if code.startswith(("import duckdb", "import pandas"))]
    assert len(run) == 2
    for code in run:
        exec(compile(code, "docs/audit-exports.md", "exec"), {})  # noqa: S102
    assert "submit" in capsys.readouterr().out
