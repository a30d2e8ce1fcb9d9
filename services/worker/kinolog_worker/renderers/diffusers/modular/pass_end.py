"""Ends a scene within a step: a step of a large network takes minutes on some devices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from kinolog_worker.renderers.renderer import RenderCancelled, ShouldStop

_NETWORKS = ("transformer", "transformer_2", "unet")


@contextmanager
def ended_within_passes(pipe: Any, should_stop: ShouldStop) -> Iterator[None]:
    """Let the networks of the pipeline raise RenderCancelled before a pass, or a block of one, once it should stop."""

    def check(*_: Any) -> None:
        if should_stop():
            raise RenderCancelled

    with ExitStack() as hooks:
        for name in _NETWORKS:
            network = getattr(pipe, name, None)
            if isinstance(network, torch.nn.Module):
                hooks.callback(network.register_forward_pre_hook(check).remove)
                for children in network.children():
                    if isinstance(children, torch.nn.ModuleList):
                        for block in filter(_is_interpreted, children):
                            hooks.callback(block.register_forward_pre_hook(check).remove)
        yield


def _is_interpreted(block: torch.nn.Module) -> bool:
    """Return False for a block that is compiled: a new hook would have it compiled again."""
    return block._compiled_call_impl is None
