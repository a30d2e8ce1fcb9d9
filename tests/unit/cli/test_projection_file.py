"""Files of projections that cannot be used, and results in all formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kinolog_cli.app import app
from kinolog_cli.exit_codes import ExitCode
from tests.recorded_queue import unpacked

Replay = Callable[..., Result]

START = "from kinolog_client.replay import CompletedEvent, Projection\n"
EMPTY = START + "class Empty(Projection):\n    def apply(self, commit): pass\n    def result(self): "


@pytest.fixture
def replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Replay:
    """`replay("source of a file", ...)` over the record of a queue."""
    unpacked(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KINOLOG_DATA", str(tmp_path / "data"))

    def run(source: str, *arguments: str) -> Result:
        (tmp_path / "own.py").write_text(source)
        return CliRunner().invoke(
            app, ["replay", "--with", "own.py", "--log", "events.jsonl", "--to", "20", *arguments]
        )

    return run


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("x =\n", "own.py, line 1: invalid syntax"),
        ("x = 1\n", "own.py: it has no class of kinolog_client.replay.Projection; define exactly one"),
        (
            EMPTY + "return []\nclass Two(Projection): pass\n",
            "it has 2 classes of kinolog_client.replay.Projection (Empty, Two)",
        ),
        (START + "class Half(Projection):\n    def result(self): return []\n", "own.py: Half lacks apply"),
        (
            EMPTY + "return []\n    events = ('completed',)\n",
            "Empty.events must be a tuple of classes of events",
        ),
    ],
)
def test_files_without_a_projection_are_refused(replay: Replay, source: str, problem: str) -> None:
    done = replay(source)
    assert done.exit_code in (ExitCode.USAGE, ExitCode.FAILED)
    assert problem in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (
            "import nothing_of_this_name\n",
            "own.py, line 1, in <module>: ModuleNotFoundError: No module named",
        ),
        (
            EMPTY + "return 1 / 0\n",
            "own.py, line 4, in result: ZeroDivisionError: division by zero, while it returns its result",
        ),
        (EMPTY + "yield 1 / 0\n", "own.py, line 4, in result: ZeroDivisionError"),
        (EMPTY + "return []\n    def __init__(self, a): pass\n", "own.py: TypeError: "),
        (EMPTY + "raise SystemExit\n", "own.py, line 4, in result: SystemExit, while"),
        (EMPTY + "return 5\n", "result() must return rows (mappings), a text or bytes, not int"),
        (EMPTY + "return b'x'\n", "result() returned bytes; save them with --output FILE"),
    ],
)
def test_errors_of_the_file_name_its_line(replay: Replay, source: str, problem: str) -> None:
    """Whatever it raises, from wherever; and results that are none."""
    done = replay(source)
    assert done.exit_code in (ExitCode.FAILED, ExitCode.USAGE)
    assert problem in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ("", "--state needs the methods state() and load() in Empty"),
        (
            "    def load(self, state): pass\n    def state(self): return {1, 2}\n",
            "state() of Empty returned something that is no JSON value",
        ),
        (
            "    def load(self, state): pass\n    def state(self): return self.none\n",
            "line 6, in state: AttributeError",
        ),
    ],
)
def test_states_that_cannot_be_saved(replay: Replay, tmp_path: Path, state: str, problem: str) -> None:
    done = replay(EMPTY + "return []\n" + state, "--state", "state.json")
    assert problem in done.stderr
    assert not (tmp_path / "state.json").exists()


def test_results_are_saved_as_their_names_say(replay: Replay, tmp_path: Path) -> None:
    source = EMPTY + "return [{'a': 1, 'b': 0.123456789}, {'a': 'x, y', 'c': None}]\n"
    for name, text in {
        "rows.csv": 'a,b,c\n1,0.123456789,\n"x, y",,\n',
        "rows.jsonl": '{"a": 1, "b": 0.123456789}\n{"a": "x, y", "c": null}\n',
        "rows.json": '[{"a": 1, "b": 0.123456789},\n {"a": "x, y", "c": null}]\n',
        "rows.txt": "a     b         c\n1     0.123457\nx, y\n",
    }.items():
        assert replay(source, "-o", name).stdout == f"saved as {name}\n"
        assert (tmp_path / name).read_text() == text
    assert [json.loads(line) for line in replay(source, "--json").stdout.splitlines()] == [
        {"a": 1, "b": 0.123456789},
        {"a": "x, y", "c": None},
    ]
    assert replay(EMPTY + "return 'two\\nlines'\n").stdout == "two\nlines\n"
    assert replay(EMPTY + "return b'\\x00\\x01'\n", "-o", "bytes").exit_code == ExitCode.OK
    assert (tmp_path / "bytes").read_bytes() == b"\x00\x01"
    assert replay(EMPTY + "return []\n").stderr == "no rows\n"


def test_rows_of_any_values_are_json(replay: Replay, tmp_path: Path) -> None:
    """Times within lists, numbers that are none, keys of mappings, and half a character in a text."""
    source = "from datetime import datetime\n" + EMPTY
    row = "{1: [datetime(2026, 1, 2)], 'b': {(1, 2): float('nan')}, 'c': {3}}"
    expected = {"1": ["2026-01-02T00:00:00"], "b": {"(1, 2)": None}, "c": [3]}
    assert json.loads(replay(f"{source}return [{row}]\n", "--json").stdout) == expected
    assert (
        replay(f"{source}return [{row}, {{'half': 'x\\ud800'}}]\n", "-o", "rows.jsonl").exit_code
        == ExitCode.OK
    )
    first, second = (tmp_path / "rows.jsonl").read_text().splitlines()
    assert (json.loads(first), json.loads(second)) == (expected, {"half": "x?"})


def test_a_file_may_define_dataclasses(replay: Replay) -> None:
    """They look up the module that they are in."""
    source = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        + START
        + "@dataclass\nclass Row:\n    n: int = 2\n"
        + EMPTY.removeprefix(START)
        + "return [vars(Row())]\n"
    )
    assert replay(source).stdout == "n\n2\n"
