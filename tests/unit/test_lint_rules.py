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


OTHERWISE_SUPERVISED = {
    "position_watch.py:_polling": "its error is that of all who wait",
    "extent_check.py:_comparing": "its error is that of all who wait",
    "group_commit.py:_group": "its error is that of the items of the group",
    "pull_inbox.py:_closing": "it ends an inbox; whoever waits for the end gets its error",
    "watched_writes.py:_refusing": "it clears its alarm however it ends",
    "key_pool.py:_refilling": "its error is that of all who wait",
    "process.py:_watcher": "it ends every job of the process however it ends",
    "tenant_broadcast.py:_task": "it catches every error, and ends when the api refuses the key",
}
"""Tasks that outlive the function that starts them, without `keep_running`, and why they do not end unseen."""


def unsupervised_tasks(source: str) -> list[str]:
    """Return the attributes that keep a task which was started in a function that does not use `keep_running`."""
    found = []
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) or "keep_running(" in ast.unparse(
            function
        ):
            continue
        for node in ast.walk(function):
            if not isinstance(node, ast.Assign) or not any(
                ast.unparse(call.func).endswith(("create_task", "ensure_future"))
                for call in _calls(node.value)
            ):
                continue
            found += [target.attr for target in node.targets if isinstance(target, ast.Attribute)]
    return found


def test_a_planted_task_that_may_end_unseen_is_found() -> None:
    """A task that is kept is found unless it is kept running."""
    source = "def open(self):\n    self.task = asyncio.create_task({})\n"
    assert unsupervised_tasks(source.format("self.run()")) == ["task"]
    assert unsupervised_tasks(source.format("keep_running('it', self.run, 1)")) == []


def test_every_task_that_is_kept_is_supervised() -> None:
    """A task that ends with an error that nobody awaits is a part that stands still unseen: use `keep_running`."""
    modules = [path for room in ("src", "services", "tui") for path in sorted((ROOT / room).rglob("*.py"))]
    found = {
        f"{path.name}:{name}"
        for path in modules
        for name in unsupervised_tasks(path.read_text(encoding="utf-8"))
    }
    assert found == OTHERWISE_SUPERVISED.keys()
