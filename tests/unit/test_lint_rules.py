"""Rules that the linter enforces: what is banned is found wherever it is imported from."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
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
    if ".cancel()" not in source:
        return []
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
    "src/kinolog/readmodel/queries/position_watch.py:_polling": "its error is that of all who wait",
    "src/kinolog/adapters/jetstream/log/extent_check.py:_comparing": "its error is that of all who wait",
    "src/kinolog/grouped_calls.py:_group": "its error is that of the items of the group",
    "src/kinolog/adapters/jetstream/client/pull_inbox.py:_closing": "whoever waits for the end of the inbox gets it",
    "src/kinolog/process/tasks.py:_tasks": "the error of each is logged, and none has to go on",
    "services/api/kinolog_api/alarms/watched_writes.py:_refusing": "it clears its alarm however it ends",
    "services/api/kinolog_api/jobs/key_pool.py:_refilling": "its error is that of all who wait",
    "services/api/kinolog_api/schedules/schedule_runs.py:_running": "it catches every error, and its job is "
    "submitted again",
    "services/api/kinolog_api/identity_tokens/issuer_keys.py:_reading": "its error is that of all who wait",
    "services/worker/kinolog_worker/inference/process.py:_watcher": "it ends every job of the process however it ends",
    "services/worker/kinolog_worker/queue/early_key_look.py:_asking": "whoever needs the answer asks again",
    "services/gateway/kinolog_gateway/live/tenant_broadcast.py:_task": "it catches every error, and ends when the "
    "api refuses the key",
    "services/gateway/kinolog_gateway/http/callers.py:_asking": "its error is that of all who wait",
    "services/gateway/kinolog_gateway/mcp/endpoint.py:_task": "the next request starts another",
}
"""Tasks that outlive the function that starts them, without `keep_running`, and why they do not end unseen."""

STARTS = ("create_task", "ensure_future")
ADDITIONS = ("add", "append", "appendleft", "extend", "insert", "put_nowait", "setdefault", "update")
"""Methods that put a value into a collection."""


def _last_name(function: ast.expr) -> str:
    """Return the name of what is called, without where it is from."""
    return ast.unparse(function).rpartition(".")[2]


def _assignments(function: ast.AST) -> Iterator[tuple[list[ast.expr], ast.expr]]:
    """Yield targets and value of each assignment, and collection and value of each addition to a collection."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            yield node.targets, node.value
        elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
            yield [node.target], node.value
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ADDITIONS
        ):
            for value in (*node.args, *(keyword.value for keyword in node.keywords)):
                yield [node.func.value], value


def _places(target: ast.expr) -> Iterator[ast.Name | ast.Attribute]:
    """Yield the names and attributes that keep what is assigned to a target or added to it."""
    if isinstance(target, ast.Name | ast.Attribute):
        yield target
    elif isinstance(target, ast.Subscript | ast.Starred):
        yield from _places(target.value)
    elif isinstance(target, ast.Tuple | ast.List):
        for each in target.elts:
            yield from _places(each)


def _parts(value: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a value that may be in it: not what it waits for, nor the object of a method."""
    yield value
    if isinstance(value, ast.Await):
        return
    for part in ast.iter_child_nodes(value):
        if not (isinstance(value, ast.Call) and part is value.func):
            yield from _parts(part)


def _groups(node: ast.AST) -> Iterator[str]:
    """Yield the names that a `with` or an argument gives to a group of tasks, which awaits them itself."""
    if isinstance(node, ast.withitem) and ast.unparse(node.context_expr).endswith("TaskGroup()"):
        yield ast.unparse(node.optional_vars) if node.optional_vars else ""
    elif isinstance(node, ast.arg) and node.annotation and ast.unparse(node.annotation).endswith("TaskGroup"):
        yield node.arg


class _Function:
    """What a function does with the tasks that it starts."""

    def __init__(self, function: ast.AST) -> None:
        self._assignments = [
            (place, value)
            for targets, value in _assignments(function)
            for target in targets
            for place in _places(target)
        ]
        self._groups = {name for node in ast.walk(function) for name in _groups(node)}
        self._tasks: set[str] = set()
        """Local names that may refer to a task that is not supervised, or to a collection of some."""

    def kept(self) -> set[str]:
        """Return the attributes that keep a task which is not supervised."""
        known = -1
        while known < len(self._tasks):  # a task may have a name that is given another name
            known = len(self._tasks)
            kept = [place for place, value in self._assignments if any(map(self._is_task, _parts(value)))]
            self._tasks |= {place.id for place in kept if isinstance(place, ast.Name)}
        return {place.attr for place in kept if isinstance(place, ast.Attribute)}

    def _is_task(self, value: ast.AST) -> bool:
        if isinstance(value, ast.Name):
            return value.id in self._tasks
        if not isinstance(value, ast.Call) or _last_name(value.func) not in STARTS:
            return False
        of_group = isinstance(value.func, ast.Attribute) and ast.unparse(value.func.value) in self._groups
        return not of_group and not (value.args and self._keeps_running(value.args[0]))

    def _keeps_running(self, work: ast.expr) -> bool:
        """Return whether work is `keep_running(...)`, or a name for nothing else."""
        if isinstance(work, ast.Name):
            named = [
                value
                for place, value in self._assignments
                if isinstance(place, ast.Name) and place.id == work.id
            ]
            return bool(named) and all(
                isinstance(each, ast.Call) and self._keeps_running(each) for each in named
            )
        return isinstance(work, ast.Call) and _last_name(work.func) == "keep_running"


def unsupervised_tasks(source: str) -> list[str]:
    """Return the attributes that keep a task which runs neither `keep_running` nor in a group of tasks."""
    found: set[str] = set()
    if not any(name in source for name in STARTS):
        return []
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            found |= _Function(function).kept()
    return sorted(found)


@pytest.mark.parametrize(
    "kept",
    [
        "self.task = asyncio.create_task({})",
        "self.task: asyncio.Task[None] = asyncio.create_task({})",
        "self.task = self.loop.create_task({}, name='it')",
        "self.task = [asyncio.create_task({})]",
        "self.task += (asyncio.ensure_future({}),)",
        "self.task['it'] = asyncio.create_task({})",
        "self.task, problem = asyncio.create_task({}), ''",
        "self.task.add(asyncio.create_task({}))",
        "self.task.append(asyncio.create_task({}))",
        "self.task.update(it=asyncio.create_task({}))",
        "self.other = asyncio.create_task(keep_running('other', self.run, 1)); self.task = asyncio.create_task({})",
        "self.task = task = asyncio.create_task({})",
        "task = asyncio.create_task({}); self.task.add(task)",
        "tasks = []; tasks.append(asyncio.create_task({})); self.task = tasks",
        "if (task := asyncio.create_task({})): self.task = (task,)",
    ],
)
def test_a_planted_task_that_may_end_unseen_is_found(kept: str) -> None:
    """A task that is kept is found, however it is kept, unless it is kept running itself."""
    function = f"async def open(self):\n    {kept}\n"
    assert unsupervised_tasks(function.format("self.run()")) == ["task"]
    assert unsupervised_tasks(function.format("keep_running('it', self.run, 1)")) == []


@pytest.mark.parametrize(
    "line",
    [
        "work = keep_running('it', self.run, 1); self.task = asyncio.create_task(work)",
        "task = asyncio.create_task(self.run()); await end_tasks((task,))",
        "task = asyncio.create_task(self.run()); self.result = await task",
        "async with asyncio.TaskGroup() as group: self.tasks.append(group.create_task(self.run()))",
    ],
)
def test_a_task_that_somebody_awaits_is_none(line: str) -> None:
    """Tasks of a group, and those that end with their function, do not end unseen."""
    assert unsupervised_tasks(f"async def run(self):\n    {line}\n") == []
    in_group = (
        "def start(self, group: asyncio.TaskGroup):\n    self.tasks.add(group.create_task(self.run()))\n"
    )
    assert unsupervised_tasks(in_group) == []


def test_work_of_a_name_that_has_another_meaning_too_is_found() -> None:
    """Work that is kept running in one case only is found."""
    source = "work = keep_running('it', self.run, 1) if self.forever else self.run()"
    assert unsupervised_tasks(f"def open(self):\n    {source}\n    self.task = asyncio.create_task(work)\n")


def test_every_task_that_is_kept_is_supervised() -> None:
    """A task that ends with an error that nobody awaits is a part that stands still unseen: use `keep_running`."""
    modules = [path for room in ("src", "services", "tui") for path in sorted((ROOT / room).rglob("*.py"))]
    found = {
        f"{path.relative_to(ROOT).as_posix()}:{name}"
        for path in modules
        for name in unsupervised_tasks(path.read_text(encoding="utf-8"))
    }
    assert found == OTHERWISE_SUPERVISED.keys()
