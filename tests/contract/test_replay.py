"""`kinolog replay --with`: the same commits from the running kinolog, an export, a bundle and a backup."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from kinolog_api.rpc.authentication import TENANT_KEY
from typer.testing import CliRunner, Result

from kinolog.backup.folder import BackupFolder, record
from kinolog.backup.manifest import TABLES, BackupFile, Manifest, Segment
from kinolog.ports.raw_log import RawCommit
from kinolog.v1 import job_service_pb2 as pb
from kinolog_cli.app import app
from kinolog_cli.exit_codes import ExitCode
from kinolog_client import CommitSelection, KinologClient
from kinolog_client.replay import CompletedEvent, ReplayedCommit, SubmittedEvent
from tests.builders.audit_bundles import audited_api
from tests.builders.running_api import PROMPT, RunningApi
from tests.fixtures.unreliable_network import unreliable_network
from tests.unit.client.either_client import EitherClient
from tests.unit.gateway.conftest import RunningGateway, running_gateway

PAGE = Path(__file__).parents[2] / "docs" / "replay.md"
Replay = Callable[..., Awaitable[Result]]

SEEN = """
from kinolog_client.replay import Projection

class Seen(Projection):
    def __init__(self):
        self.seen = []

    def apply(self, commit):
        {apply}
        self.seen.append([commit.position, commit.job_id, [repr(event) for event in commit.events]])

    def state(self):
        return self.seen

    def load(self, state):
        self.seen = state

    def result(self):
        return [dict(position=at, job=job, events=" | ".join(events)) for at, job, events in self.seen]
"""


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory with jobs of two tenants, nine commits, and signed heads."""
    async with audited_api() as running:
        yield running


@pytest.fixture
async def gateway(api: RunningApi) -> AsyncIterator[RunningGateway]:
    """A gateway in front of it."""
    async with running_gateway(api.target) as running:
        yield running


@pytest.fixture
def replay(gateway: RunningGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Replay:
    """`await replay("--with", "x.py")`, in an empty folder."""
    monkeypatch.setenv("KINOLOG_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)

    async def run(*arguments: str, command: str = "replay") -> Result:
        return await asyncio.to_thread(
            CliRunner().invoke, app, ["--url", gateway.url, *command.split(), *arguments]
        )

    return run


def projection(folder: Path, apply: str = "pass", name: str = "seen.py") -> str:
    """Write a projection that notes what it gets. Return its name."""
    (folder / name).write_text(SEEN.replace("{apply}", apply))
    return name


def positions(done: Result) -> list[int]:
    """Return the positions that a command printed as JSON."""
    assert done.exit_code == 0, done.output
    return [json.loads(line)["position"] for line in done.stdout.splitlines()]


async def backup_of(api: RunningApi, folder: Path) -> Path:
    """Return the folder of a backup with the log of the api."""
    backup = BackupFolder(folder / "backup")
    commits = [commit async for batch in api.store.read(0) for commit in batch]
    with backup.prepared():
        with backup.writer(f"log/{1:012d}-{len(commits):012d}.commits") as writer:
            for commit in commits:
                writer.write(record(RawCommit(commit.position, "", commit.raw)))
        file = writer.written()
        segment = Segment(
            path=file.path, size_bytes=file.size_bytes, sha256=file.sha256, first=1, last=len(commits)
        )
        tables = dict[str, BackupFile]()
        for name in TABLES:
            with backup.writer(f"{name}-1.copy") as writer:
                writer.write(b"")
            tables[name] = writer.written()
        backup.write_manifest(
            Manifest(kinolog="0", made_at="now", position=len(commits), segments=(segment,), tables=tables)
        )
    return backup.path


async def test_every_source_gives_the_same_commits(replay: Replay, api: RunningApi, tmp_path: Path) -> None:
    """Typed events without texts: from the gateway, an export, a bundle and the folder of a backup."""
    name = projection(tmp_path)
    live = await replay("--with", name, "--json")
    assert positions(live) == [1, 2, 3, 7, 8, 9]
    assert "SubmittedEvent(at=datetime.datetime(" in live.stdout
    assert PROMPT not in live.stdout
    await replay("-o", "events.jsonl", command="audit export")
    await replay("-o", "bundle.zip", command="audit bundle")
    backup = await backup_of(api, tmp_path)
    for log in ("events.jsonl", "bundle.zip"):
        assert (await replay("--with", name, "--json", "--log", log)).stdout == live.stdout, log
    whole = await replay("--with", name, "--json", "--log", str(backup))
    assert positions(whole) == list(range(1, 10))
    own = await replay("--with", name, "--json", "--log", str(backup), "--tenant", "default")
    assert own.stdout == live.stdout


async def test_a_selection_and_a_job(replay: Replay, api: RunningApi, tmp_path: Path) -> None:
    """Options select alike from the service and from a file. The beginning of the id of a job is enough."""
    name = projection(tmp_path)
    await replay("-o", "events.jsonl", command="audit export")
    last = [commit async for batch in api.store.read(0) for commit in batch][-1].commit.job_id
    for source in ([], ["--log", "events.jsonl"]):
        assert positions(await replay("--with", name, "--json", "--from", "3", "--to", "7", *source)) == [
            3,
            7,
        ]
        assert positions(await replay(last[:8], "--with", name, "--json", *source)) == [7, 8, 9]
        assert positions(await replay("--with", name, "--json", "--actor", "w1", *source)) == [2, 3, 8, 9]


async def test_prompts_come_only_if_they_are_asked_for(
    replay: Replay, api: RunningApi, tmp_path: Path
) -> None:
    """From the service with the right scope, and from a bundle that has keys."""
    name = projection(tmp_path)
    await replay("-o", "open.zip", "--with-prompts", command="audit bundle")
    await replay("-o", "sealed.zip", command="audit bundle")
    backup = await backup_of(api, tmp_path)
    for source in ([], ["--log", "open.zip"]):
        assert PROMPT in (await replay("--with", name, "--prompts", *source)).stdout, source
        assert PROMPT not in (await replay("--with", name, *source)).stdout, source
    for log, text in (("sealed.zip", "has no keys, so no prompts"), (str(backup), "keys in it are wrapped")):
        done = await replay("--with", name, "--prompts", "--log", log)
        assert done.exit_code == ExitCode.USAGE
        assert text in done.stderr


async def test_a_replay_goes_on_from_its_state(replay: Replay, api: RunningApi, tmp_path: Path) -> None:
    """Each commit is applied once: after the end, after an error, and after new commits."""
    name = projection(tmp_path)
    one = await replay("--with", name, "--state", "state.json", "--to", "3", "--json")
    assert positions(one) == [1, 2, 3]
    assert json.loads((tmp_path / "state.json").read_text())["position"] == 3
    whole = ["--with", name, "--state", "state.json", "--json"]
    assert positions(await replay(*whole)) == [1, 2, 3, 7, 8, 9]
    assert positions(await replay(*whole)) == [1, 2, 3, 7, 8, 9]
    assert positions(await replay(*whole, "--to", "3")) == [1, 2, 3, 7, 8, 9], "it has read on already"
    await api.submit("another one")
    assert positions(await replay(*whole)) == [1, 2, 3, 7, 8, 9, 10]
    await replay("-o", "events.jsonl", command="audit export")
    assert positions(await replay(*whole, "--log", "events.jsonl")) == [1, 2, 3, 7, 8, 9, 10]


async def test_an_error_leaves_the_state_of_before(replay: Replay, api: RunningApi, tmp_path: Path) -> None:
    """The line of the user's file is named, with the position and the job, and no line of ours."""
    name = projection(tmp_path, apply="assert commit.position < 8, 'not\\nthis one'")
    done = await replay("--with", name, "--state", "state.json")
    assert done.exit_code == ExitCode.FAILED
    job_id = (await anext(api.store.read(7)))[0].commit.job_id
    assert done.stderr.splitlines() == [
        f"seen.py, line 9, in apply: AssertionError: not, at position 8, job {job_id}",
        "    assert commit.position < 8, 'not\\nthis one'",
    ]
    assert not (tmp_path / "state.json").exists()


async def test_states_of_other_replays_are_refused(replay: Replay, tmp_path: Path) -> None:
    """Those of another file, of another selection and of another log; and files that are none."""
    name, other = projection(tmp_path), projection(tmp_path, apply="commit.at", name="other.py")
    state = ["--state", "state.json"]
    await replay("--with", name, *state)
    for arguments, text in (
        (["--with", other, *state], "the file of the projection is not the same"),
        (["--with", name, *state, "--actor", "w1"], "what is selected is not the same"),
        (["--with", name, *state, "--from", "5"], "what is selected is not the same"),
        (["--with", name, "--state", name], "is no state of a replay"),
    ):
        done = await replay(*arguments)
        assert (done.exit_code, text in done.stderr) == (ExitCode.USAGE, True), done.stderr
    facts = json.loads((tmp_path / "state.json").read_text())
    for change, text in (
        ({"log": "kinolog-log/0"}, "is of the log kinolog-log/0"),
        ({"position": 99}, "the log ends at"),
    ):
        (tmp_path / "changed.json").write_text(json.dumps(facts | change))
        done = await replay("--with", name, "--state", "changed.json")
        assert (done.exit_code, text in done.stderr) == (ExitCode.USAGE, True), done.stderr


async def test_the_examples_of_the_page_run(replay: Replay, tmp_path: Path) -> None:
    """The costs of actors, with and without a state, and the chart of workers."""
    examples = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    costs, chart = (
        next(each for each in examples if f"class {name}(" in each)
        for name in ("CostPerActor", "WorkerChart")
    )
    (tmp_path / "costs.py").write_text(costs)
    (tmp_path / "chart.py").write_text(chart)
    for _ in range(2):
        done = await replay("--with", "costs.py", "--state", "state.json", "-o", "costs.csv")
        assert (done.exit_code, done.stdout) == (ExitCode.OK, "saved as costs.csv\n")
        assert (tmp_path / "costs.csv").read_text() == "actor,jobs,seconds\nanonymous,2,3.0\n"
    printed = await replay("--with", "costs.py")
    assert [line.split() for line in printed.stdout.splitlines()] == [
        ["actor", "jobs", "seconds"],
        ["anonymous", "2", "3"],
    ]
    await replay("--with", "chart.py", "-o", "workers.svg")
    drawing = (tmp_path / "workers.svg").read_text()
    assert drawing.startswith("<svg ")
    assert drawing.count("<rect ") == 2
    assert ">w1</text>" in drawing


@pytest.mark.parametrize("flavour", ["blocking", "async"])
async def test_the_client_yields_typed_commits(gateway: RunningGateway, flavour: str) -> None:
    """Also over a connection that breaks, each once; with chosen events only these, and commits that have them."""
    async with unreliable_network(gateway.url) as network:
        client = EitherClient(flavour, network.url)
        network.cuts = [1_500, 900]
        begun = list[tuple[str, int]]()
        found: list[ReplayedCommit] = await client.items(
            "replayed_commits", on_begin=lambda log, last: begun.append((log, last))
        )
        assert network.cuts == []
        assert [commit.position for commit in found] == [1, 2, 3, 7, 8, 9]
        assert begun[0][1] == 9
        assert begun[0][0].startswith("kinolog-log/")
        kinds = (SubmittedEvent, CompletedEvent)
        some = await client.items("replayed_commits", CommitSelection(last_position=3), events=kinds)
        assert [(commit.position, *map(type, commit.events)) for commit in some] == [
            (1, SubmittedEvent),
            (3, CompletedEvent),
        ]
        await client.close()


async def test_another_tenant_has_a_log_of_its_own(api: RunningApi, gateway: RunningGateway) -> None:
    """A replay has what the tenant of the caller did."""
    request = pb.SubmitJobRequest(prompt=PROMPT, seed=1)
    await api.jobs.SubmitJob(request, metadata=((TENANT_KEY, "third"),))
    with KinologClient(gateway.url) as client:
        found = await asyncio.to_thread(lambda: list(client.replayed_commits()))
    assert {commit.tenant for commit in found} == {"default"}
