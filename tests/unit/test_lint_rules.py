"""Rules that the linter enforces: what is banned is found wherever it is imported from."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "planted",
    [
        "import asyncio\n\n\nasync def read(work: object) -> None:\n    await asyncio.wait_for(work, 1)\n",
        "from asyncio import wait_for\n\nwait = wait_for\n",
    ],
)
def test_a_wait_that_loses_cancellations_is_banned(planted: str) -> None:
    """`asyncio.wait_for` is refused in the product and in tests, with what to use in its place."""
    found = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "--stdin-filename", "src/planted.py", "-"],
        input=planted,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert found.returncode == 1
    assert "TID251" in found.stdout
    assert "use asyncio.timeout" in found.stdout


def _calls(function: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(function) if isinstance(node, ast.Call)]


def _cancels(call: ast.Call) -> bool:
    """Return whether a call is `task.cancel()`."""
    return isinstance(call.func, ast.Attribute) and call.func.attr == "cancel" and not call.args


def _waits_without_limit(call: ast.Call) -> bool:
    """Return whether a call is `asyncio.wait` without a timeout, or an `asyncio.gather` that collects errors."""
    name = ast.unparse(call.func)
    keywords = {keyword.arg for keyword in call.keywords}
    return (name == "asyncio.wait" and not keywords & {"timeout", "return_when"}) or (
        name == "asyncio.gather" and "return_exceptions" in keywords
    )


def endless_waits(source: str) -> list[str]:
    """Return the functions of a module that cancel something and then wait for its end without a limit."""
    return [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.AsyncFunctionDef)
        and any(map(_cancels, _calls(node)))
        and any(map(_waits_without_limit, _calls(node)))
    ]


@pytest.mark.parametrize(
    "wait", ["asyncio.wait([task])", "asyncio.wait({task})", "asyncio.gather(task, return_exceptions=True)"]
)
def test_a_planted_wait_for_a_cancelled_task_is_found(wait: str) -> None:
    """Cancel and wait without a limit is found; with a limit, and through `end_tasks`, it is not."""
    function = "async def stop(task):\n    task.cancel()\n    await {}\n"
    assert endless_waits(function.format(wait)) == ["stop"]
    assert endless_waits(function.format("asyncio.wait([task], timeout=5)")) == []
    assert endless_waits("async def stop(task):\n    await end_tasks((task,))\n") == []


def test_nothing_waits_for_a_cancelled_task_without_a_limit() -> None:
    """Only `kinolog.process.tasks` cancels tasks and waits for them (decision 5)."""
    modules = [path for room in ("src", "services", "tui") for path in sorted((ROOT / room).rglob("*.py"))]
    found = {
        str(path.relative_to(ROOT)): functions
        for path in modules
        if path.name != "tasks.py" and (functions := endless_waits(path.read_text(encoding="utf-8")))
    }
    assert len(modules) > 100
    assert not found, found
