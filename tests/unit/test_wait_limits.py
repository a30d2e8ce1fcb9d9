"""A limit of a wait is longer than anything takes on a busy machine: it ends a test that hangs, and no other one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.fixtures.waits import WAIT_SECONDS

TESTS = Path(__file__).parents[1]
NO_TESTS = ("bench", "fuzz", "gpu", "web_pictures")
LIMITED = ("asyncio.timeout", "communicate", "recv", "next_msg", "AsyncClient", "Client", "httpx.get")
"""Calls whose `timeout`, or whose only argument, ends a wait of a test."""


def _limit(call: ast.Call) -> float | None:
    """Return the limit of a call, if it is a number."""
    keywords = [keyword.value for keyword in call.keywords if keyword.arg == "timeout"]
    is_timeout = getattr(call.func, "attr", "") == "timeout" and ast.unparse(call.func) == "asyncio.timeout"
    arguments = call.args if is_timeout else keywords
    for argument in arguments:
        if isinstance(argument, ast.Constant) and isinstance(argument.value, int | float):
            return float(argument.value)
    return None


def short_limits(source: str) -> list[int]:
    """Return the lines of a module with a wait that ends too early. Less than a second is meant so."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and (limit := _limit(node)) is not None
        and 1.0 <= limit < WAIT_SECONDS
        and ast.unparse(node.func).endswith(LIMITED)
    ]


@pytest.mark.parametrize(
    ("line", "is_short"),
    [
        ("async with asyncio.timeout(20): pass", True),
        ("async with asyncio.timeout(WAIT_SECONDS): pass", False),
        ("async with asyncio.timeout(90): pass", False),
        ("async with asyncio.timeout(0): pass", False),
        ("process.communicate(timeout=20)", True),
        ("socket.recv(timeout=0.5)", False),
        ("httpx.get(url, timeout=5)", True),
    ],
)
def test_planted_limits_are_found(line: str, is_short: bool) -> None:
    """Those that a busy machine would reach."""
    found = short_limits("async def wait():\n    " + line)
    assert found == ([2] if is_short else [])


def test_no_wait_ends_early() -> None:
    """Each limit is `WAIT_SECONDS`, or longer."""
    modules = [path for path in TESTS.rglob("*.py") if path.relative_to(TESTS).parts[0] not in NO_TESTS]
    found = {
        str(path.relative_to(TESTS)): lines
        for path in modules
        if (lines := short_limits(path.read_text(encoding="utf-8"))) and path != Path(__file__)
    }
    assert len(modules) > 500
    assert not found, found
