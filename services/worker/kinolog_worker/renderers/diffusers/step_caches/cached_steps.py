"""Lets the networks of a pipeline leave out work for one scene."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import diffusers
import torch

from kinolog.job.rendering.profile import CacheKind, StepCache
from kinolog.models.families import Family
from kinolog_worker.renderers.renderer import RenderFailed, SceneRequest

_library: Any = diffusers  # untyped in part
_NETWORKS = ("transformer", "transformer_2")
_ATTENTION = r"[^.]*blocks\.\d+\.attn\d*"
"""Names of the attention of blocks. Those that diffusers looks for by itself leave out `attn1`, as that of Wan."""


@contextmanager
def cached_steps(pipe: Any, family: Family, request: SceneRequest) -> Iterator[None]:
    """Let the networks leave out what the step cache of the request says, if it has one, in the block.

    A scene begins with an empty cache, and nothing of it is left after the block. Raises RenderFailed for a cache that
    the family does not have.
    """
    cache = request.cache
    if cache is None:
        yield
        return
    if cache.kind not in family.caches:
        raise RenderFailed(
            "CACHE_UNSUPPORTED", f"{family.pipeline} has no step cache {cache.kind}", retryable=False
        )
    with ExitStack() as caches:
        for name in _NETWORKS:
            if isinstance(getattr(pipe, name, None), torch.nn.Module):
                network: Any = getattr(pipe, name)
                _enable(network, cache)
                caches.callback(network.disable_cache)
        yield


def _enable(network: Any, cache: StepCache) -> None:
    """Hook the blocks of a network. Raises RenderFailed, and leaves no hook then."""
    config = _config(cache, network)
    try:
        network.enable_cache(config)
    except (IndexError, ValueError) as error:
        network._cache_config = config  # the class knows by it which hooks to remove
        network.disable_cache()
        problem = f"the blocks of this model are too few for the step cache {cache.kind}, or of another class"
        raise RenderFailed("CACHE_UNSUPPORTED", problem, retryable=False, detail=str(error)) from error


def _config(cache: StepCache, network: Any) -> Any:
    """Return the configuration of diffusers for a cache of this network."""
    if cache.kind == CacheKind.FIRST_BLOCK:
        return _library.FirstBlockCacheConfig(threshold=cache.threshold)
    whole_blocks = cache.kind == CacheKind.TAYLOR_BLOCKS
    return _library.TaylorSeerCacheConfig(
        cache_interval=cache.interval,
        disable_cache_before_step=cache.full_steps,
        max_order=cache.order,
        taylor_factors_dtype=network.dtype,
        use_lite_mode=whole_blocks,
        cache_identifiers=None if whole_blocks else [_ATTENTION],
    )
