"""Background work. It posts messages and touches no widgets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from textual.dom import DOMNode


def start_work(
    node: DOMNode, work: Callable[[], Awaitable[None]], group: str, *, exclusive: bool = True
) -> None:
    """Run `work` as a worker of the node. With `exclusive`, it cancels the workers of the group."""
    node.run_worker(cast("Callable[[], Any]", work), group=group, exclusive=exclusive)
