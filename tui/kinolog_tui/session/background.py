"""Work beside the screens: it posts messages and touches no widget."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from textual.dom import DOMNode


def start_work(
    node: DOMNode, work: Callable[[], Awaitable[None]], group: str, *, exclusive: bool = True
) -> None:
    """Run it as a worker of the node; with `exclusive`, in place of what runs in the group."""
    node.run_worker(cast("Callable[[], Any]", work), group=group, exclusive=exclusive)
