"""`kinolog replay --what-if` over the record of a real queue, and what is refused."""

from __future__ import annotations

import csv
import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kinolog.job.values import Priority
from kinolog.simulation.queue_settings import QueuePolicy
from kinolog_cli.app import app
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.replay.what_if.setting_text import parse_what_if
from tests.recorded_queue import unpacked

Replay = Callable[..., Result]


@pytest.fixture
def replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Replay:
    """`replay("--what-if", "workers=2")` in a folder with the record `events.jsonl`; no service is needed."""
    unpacked(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KINOLOG_DATA", str(tmp_path / "data"))
    return lambda *arguments: CliRunner().invoke(app, ["replay", *arguments])


def test_settings_are_read_from_a_text() -> None:
    found = parse_what_if(
        "workers=8, policy=fair,weights=16:4:2:1,speed=2,preemptions=0,tenant:studio=3,price=2.5"
    )
    settings = found.settings
    assert (settings.workers, settings.policy, settings.speed) == (8, QueuePolicy.FAIR, 2.0)
    assert [settings.lane_weights[priority.value] for priority in Priority] == [16, 4, 2, 1]
    assert (
        settings.most_preemptions(3),
        settings.tenant_weight("studio"),
        settings.tenant_weight("lab"),
    ) == (
        0,
        3,
        1,
    )
    assert found.price == 2.5
    assert parse_what_if("").text == "as recorded"
    assert parse_what_if("policy=fifo").settings.most_preemptions(3) == 0
    assert parse_what_if("policy=strict").settings.most_preemptions(3) == 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("workers", "must be NAME=VALUE"),
        ("workers=0", "must be a whole number from 1 to 10000"),
        ("workers=many", "must be a whole number"),
        ("policy=random", "must be one of fair, strict, fifo"),
        ("speed=0", "must be a number greater than 0"),
        ("speed=nan", "must be a number greater than 0"),
        ("price=-1", "must be a number"),
        ("weights=1:2:3", "must be four whole numbers"),
        ("weights=1:2:3:0", "must be a whole number from 1"),
        ("policy=strict,weights=1:1:1:1", "with policy=fair only"),
        ("policy=fifo,tenant:a=2", "knows no tenants"),
        ("policy=fifo,preemptions=2", "stops no job"),
        ("speed=2,speed=3", "is there twice"),
        ("tenant:=2", "is no setting; there are workers, policy"),
        ("colour=red", "is no setting"),
    ],
)
def test_wrong_settings_are_refused(text: str, problem: str) -> None:
    with pytest.raises(CommandFailed, match=problem) as refused:
        parse_what_if(text)
    assert refused.value.exit_code is ExitCode.USAGE


def test_the_tables_are_printed(replay: Replay) -> None:
    """What was, the same simulated, and each setting, for all jobs, by priority and by tenant."""
    done = replay("--log", "events.jsonl", "--what-if", "workers=4,price=2", "--what-if", "policy=fifo")
    assert done.exit_code == ExitCode.OK, done.output
    lines = done.stdout.splitlines()
    assert lines[0].split() == [
        "setting",
        "workers",
        "wait",
        "p50",
        "p95",
        "max",
        "makespan",
        "device",
        "use",
        "cost",
    ]
    assert [line.split("  ")[0] for line in lines[1:5]] == [
        "recorded",
        "recorded, simulated",
        "workers=4,price=2",
        "policy=fifo",
    ]
    assert sum(line.startswith("critical  ") for line in lines) == 4
    assert sum(line.startswith("studio  ") for line in lines) == 4
    assert "simulated as it was, jobs wait 24." in done.stderr
    assert "the work of 16 jobs" in done.stderr


def test_rows_are_saved(replay: Replay, tmp_path: Path) -> None:
    """As CSV and as JSON Lines, the same rows as with --json."""
    setting = ["--log", "events.jsonl", "--what-if", "workers=4,policy=strict"]
    saved = replay(*setting, "-o", "rows.csv")
    assert saved.stdout.startswith("saved as rows.csv\n")
    rows = list(csv.DictReader((tmp_path / "rows.csv").read_text().splitlines()))
    assert [row["setting"] for row in rows if row["group"] == "all"] == [
        "recorded",
        "recorded, simulated",
        "workers=4,policy=strict",
    ]
    faster = [float(row["wait_p95_seconds"]) for row in rows if row["group"] == "all"]
    assert faster[2] < faster[0] / 2
    printed = [json.loads(line) for line in replay(*setting, "--json").stdout.splitlines()]
    assert [str(row["wait_p50_seconds"]) for row in printed] == [row["wait_p50_seconds"] for row in rows]
    assert json.loads(replay(*setting, "-o", "rows.jsonl", "--json").stdout) == {"saved": "rows.jsonl"}
    assert [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()] == printed


def test_a_plot_is_drawn(replay: Replay, tmp_path: Path) -> None:
    """A PNG of a readable size, and an SVG."""
    setting = ["--log", "events.jsonl", "--what-if", "workers=4"]
    assert replay(*setting, "-o", "plot.png").exit_code == ExitCode.OK
    head = (tmp_path / "plot.png").read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", head[16:]) == (1650, 1275)
    assert replay(*setting, "-o", "plot.svg").exit_code == ExitCode.OK
    assert (tmp_path / "plot.svg").read_text().count("<path ") > 50


def test_a_plot_without_its_library(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command says what to install, before it reads the log."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = replay("--log", "missing.jsonl", "--what-if", "workers=4", "-o", "plot.png")
    assert done.exit_code == ExitCode.USAGE
    assert "pip install 'kinolog[plot]', or name a .csv" in done.stderr


def test_a_part_of_the_log_without_jobs_is_refused(replay: Replay) -> None:
    done = replay("--log", "events.jsonl", "--what-if", "workers=4", "--until", "2020-01-01")
    assert done.exit_code == ExitCode.REFUSED
    assert "no job was submitted in this part of the log" in done.stderr


def test_a_part_of_the_log_without_completed_jobs_is_refused(replay: Replay) -> None:
    """Jobs that take no time would wait for none."""
    done = replay("--log", "events.jsonl", "--what-if", "workers=4", "--to", "9")
    assert done.exit_code == ExitCode.REFUSED
    assert (
        "no job was submitted and completed, so nothing says how long jobs take, in this part" in done.stderr
    )


def test_jobs_of_before_are_left_out_and_said(replay: Replay) -> None:
    done = replay("--log", "events.jsonl", "--what-if", "workers=4", "--from", "700")
    assert done.exit_code == ExitCode.OK
    assert "submitted before this part of the log is left out" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "nothing to replay: name a job for its history, --with FILE"),
        (["--with", "a.py", "--what-if", "speed=2"], "--with and --what-if are two commands"),
        (["--what-if", "speed=2", "--state", "s"], "--state is for --with, not for --what-if; leave it out"),
        (["--what-if", "speed=2", "q7xm"], "a job is for the history of a job and --with, not for --what-if"),
        (["--what-if", "speed=2", "--prompts"], "--prompts is for --with"),
        (["--with", "a.py", "--at", "12"], "--at is for the history of a job, not for --with"),
        (
            ["q7xm", "--log", "events.jsonl"],
            "--log is for --with and --what-if, not for the history of a job",
        ),
        (["q7xm", "--since", "2026-11-01"], "a selection of commits is for --with and --what-if"),
        (
            ["--what-if", "speed=2", "-o", "plot.gif"],
            "it must end with .png, .svg, .pdf, .csv, .json, .jsonl",
        ),
        (["--what-if", "speed=2", "--log", "no.jsonl"], "cannot read no.jsonl: No such file or directory"),
        (["--what-if", "speed=2", "--log", "empty.jsonl"], "it is empty: no commit was selected"),
        (["--what-if", "speed=2", "--log", "a.txt"], "it is neither an export as JSON Lines"),
        (
            ["--what-if", "speed=2", "--log", "half.jsonl"],
            "it ends within a line: the export was interrupted",
        ),
        (["--what-if", "speed=2", "--log", "other.jsonl"], "this is no event of an export"),
        (["--what-if", "speed=2", "--log", "a.parquet"], "a Parquet file is for other programs"),
        (["--what-if", "speed=2", "--log", "a.zip"], "cannot read a.zip: "),
        (["--what-if", "speed=2", "--log", "."], "holds no backup: it has no manifest.json"),
    ],
)
def test_wrong_uses_are_refused(replay: Replay, tmp_path: Path, arguments: list[str], problem: str) -> None:
    """With what is wrong and what to do, and without a traceback."""
    for name, content in {
        "a.py": "x = 1\n",
        "a.txt": "text\n",
        "empty.jsonl": "",
        "half.jsonl": '{"specversion":"1.0"',
        "other.jsonl": '{"a": 1}\n',
        "a.parquet": "PAR1",
        "a.zip": "PK\x03\x04 and no more",
    }.items():
        (tmp_path / name).write_text(content)
    done = replay(*arguments)
    assert done.exit_code == ExitCode.USAGE, done.output
    assert problem in done.stderr
