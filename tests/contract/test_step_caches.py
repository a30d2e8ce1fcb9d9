"""Conformance suite of step caches: they leave out work of real pipelines, and leave nothing behind."""

from __future__ import annotations

import copy
import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import diffusers
import pytest
import torch
from diffusers.hooks import _common, _helpers
from diffusers.models.cache_utils import CacheMixin
from kinolog_worker.renderers.renderer import RenderFailed

from kinolog.job.rendering.profile import CacheKind, StepCache
from kinolog.models.families import families
from tests.fixtures.drawn_families import LIBRARY_WARNINGS, DrawnFamily, drawn_family
from tests.fixtures.recorded_checkpoints import RecordedCheckpoints

pytestmark = pytest.mark.filterwarnings(*LIBRARY_WARNINGS)

_library: Any = diffusers
_registry: Any = _helpers.TransformerBlockRegistry
STEPS = 5
CACHES = {
    CacheKind.FIRST_BLOCK: StepCache(kind="first-block", threshold=10.0),
    CacheKind.TAYLOR: StepCache(kind="taylor", interval=3, full_steps=2, order=1),
    CacheKind.TAYLOR_BLOCKS: StepCache(kind="taylor-blocks", interval=3, full_steps=2, order=1),
}
WHOLE_STEPS = {CacheKind.FIRST_BLOCK: 1, CacheKind.TAYLOR: 3, CacheKind.TAYLOR_BLOCKS: 3}
"""Steps of the five that are computed whole: of first-block the first one, since no change is above the threshold."""

CACHED_FAMILIES = [name for name, family in families().items() if family.caches]


@pytest.fixture(scope="module", params=["wan21", "ltx", "cogvideox_2b", "hunyuan", "ltx2"])
def family(request: pytest.FixtureRequest) -> Iterator[DrawnFamily]:
    """A family that has drawn a scene. Its network has two blocks of each kind at least."""
    with drawn_family(request.param, "float32") as drawn:
        for blocks in _block_lists(_network(drawn)):
            if len(blocks) == 1:
                blocks.append(copy.deepcopy(blocks[0]))
        yield drawn


def _network(drawn: DrawnFamily) -> Any:
    return drawn.renderer._loaded_pipeline().pipe.transformer


def _block_lists(network: torch.nn.Module) -> list[torch.nn.ModuleList]:
    return [
        child
        for name, child in network.named_children()
        if name in _common._ALL_TRANSFORMER_BLOCK_IDENTIFIERS and isinstance(child, torch.nn.ModuleList)
    ]


def test_caches_leave_out_work(family: DrawnFamily) -> None:
    """The last block is computed in the whole steps alone. Two scenes in a row are equal, the second no faster.

    A scene without a cache is then the same as before, bit for bit: of a cache nothing is left.
    """
    computed = 0

    def count(*_: Any) -> None:
        nonlocal computed
        computed += 1

    attention = [
        module
        for name, module in _block_lists(_network(family))[-1][-1].named_modules()
        if name.endswith("to_q")
    ]
    hook = attention[0].register_forward_hook(count)
    exact = family.draw(steps=STEPS)
    of_exact = computed
    for kind in families()[family.pipeline].caches:
        computed = 0
        cached = family.draw(steps=STEPS, cache=CACHES[kind])
        assert computed * STEPS == of_exact * WHOLE_STEPS[kind], kind
        again = family.draw(steps=STEPS, cache=CACHES[kind])
        assert computed * STEPS == 2 * of_exact * WHOLE_STEPS[kind], kind
        assert (again == cached).all(), kind
        assert (cached != exact).any(), kind
    hook.remove()
    assert (family.draw(steps=STEPS) == exact).all()


def test_a_threshold_that_no_step_falls_below_changes_nothing(family: DrawnFamily) -> None:
    """All blocks are computed in every step: the frames are those of the model as it is."""
    if CacheKind.FIRST_BLOCK in families()[family.pipeline].caches:
        exact = family.draw(steps=3)
        cached = family.draw(steps=3, cache=StepCache(kind="first-block", threshold=1e-12))
        assert (cached == exact).all()


def test_a_cancelled_scene_leaves_no_cache(family: DrawnFamily) -> None:
    """The next one begins with an empty cache, and a scene with a cache has no checkpoint to go on from."""
    cache = CACHES[families()[family.pipeline].caches[0]]
    drawn = family.draw(steps=STEPS, cache=cache)
    checkpoints = RecordedCheckpoints(family.folder)
    family.renderer.use_checkpoints(checkpoints)
    assert family.steps_until_cancelled(steps=STEPS, cache=cache) == 1
    family.renderer.use_checkpoints(None)
    assert checkpoints.files == {}
    assert not _network(family).is_cache_enabled
    assert (family.draw(steps=STEPS, cache=cache) == drawn).all()


def test_what_a_family_does_not_have_is_refused(family: DrawnFamily) -> None:
    """With the name of the cache; so is one for a model with too few blocks. The next scene is drawn as before."""
    with pytest.raises(RenderFailed, match="has no step cache tea") as caught:
        family.draw(cache=StepCache(kind="tea"))
    assert caught.value.code == "CACHE_UNSUPPORTED"
    if CacheKind.FIRST_BLOCK not in families()[family.pipeline].caches:
        return
    lists = _block_lists(_network(family))
    kept = [list(blocks) for blocks in lists]
    for blocks in lists:
        del blocks[0 if blocks is not lists[0] else 1 :]
    with pytest.raises(RenderFailed, match="too few"):
        family.draw(cache=CACHES[CacheKind.FIRST_BLOCK])
    assert not _network(family).is_cache_enabled
    for blocks, whole in zip(lists, kept, strict=True):
        blocks.extend(whole[len(blocks) :])
    assert (family.draw() == family.frames).all() or len(kept[0]) != 1


@pytest.mark.parametrize("pipeline", CACHED_FAMILIES)
def test_diffusers_knows_the_passes_and_blocks(pipeline: str) -> None:
    """The call says which of its passes is which: with guidance each has a cache of its own.

    For first-block the blocks are registered. For taylor-blocks what is predicted, `proj_out`, is all that the network
    makes of them.
    """
    family, kind = families()[pipeline], getattr(_library, pipeline)
    folder = kind.__module__.rpartition(".")[0]
    module = importlib.import_module(f"{folder}.denoise" if family.modular else kind.__module__)
    assert "cache_context(" in inspect.getsource(module)
    networks = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, CacheMixin)]
    assert networks
    _registry._register()
    registered = {block.__name__ for block in _registry._registry}
    for network in networks:
        text = inspect.getsource(importlib.import_module(network.__module__))
        if CacheKind.TAYLOR_BLOCKS in family.caches:
            assert "self.proj_out(" in text
            assert "audio_proj_out" not in text
        if CacheKind.FIRST_BLOCK in family.caches:
            assert {name for name in registered if f" {name}(" in text}
