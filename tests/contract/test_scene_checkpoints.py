"""Checkpoints of the diffusers renderer. That each family goes on from one is in the conformance suites of families."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kinolog_worker.media.frames import Frames
from kinolog_worker.renderers.diffusers.renderer import DiffusersRenderer
from kinolog_worker.renderers.renderer import ModelSource, RenderCancelled, SceneRequest, StepReport
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from kinolog.models.renderers import EMBEDDED
from tests.builders.drawn_frames import SMALL_SCENE
from tests.fixtures.drawn_families import LIBRARY_WARNINGS, drawn_family
from tests.fixtures.recorded_checkpoints import RecordedCheckpoints

SCENE = replace(SMALL_SCENE, steps=4, guidance=2.0)


@dataclass
class _Drawing:
    """The frames of a scene, the numbers of the steps that were reported, and how often the network drew."""

    frames: Frames = field(default_factory=lambda: np.empty(0, np.uint8))
    steps: list[int] = field(default_factory=list)
    passes: int = 0

    def is_like(self, other: _Drawing) -> bool:
        return bool((self.frames == other.frames).all())


@pytest.fixture(scope="module")
def renderer() -> Iterator[DiffusersRenderer]:
    """A renderer with the small model, whose scheduler remembers the step before."""
    renderer = DiffusersRenderer()
    renderer.load(ModelSource("tiny", EMBEDDED), "cpu")
    yield renderer
    renderer.close()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> RecordedCheckpoints:
    """Checkpoints of the scene, of each step once `whole` is drawn."""
    return RecordedCheckpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="module")
def whole(renderer: DiffusersRenderer, recorded: RecordedCheckpoints) -> _Drawing:
    """The scene, drawn without an interruption."""
    return _drawn(renderer, recorded)


def _drawn(
    renderer: DiffusersRenderer,
    checkpoints: RecordedCheckpoints | None,
    request: SceneRequest = SCENE,
    last_step: int = 0,
) -> _Drawing:
    """Draw a scene with these checkpoints, up to a step if one is given."""
    drawing = _Drawing()

    def observe(report: StepReport) -> None:
        if report.stage == "denoise":
            drawing.steps.append(report.step)

    def count(*_: Any) -> None:
        drawing.passes += 1

    block = renderer._loaded_pipeline().pipe.transformer.blocks[0]
    hook = block.register_forward_pre_hook(count)
    renderer.use_checkpoints(checkpoints)
    try:
        runs = renderer.render(request, observe, lambda: last_step in drawing.steps)
        drawing.frames = np.concatenate(list(runs))
    except RenderCancelled:
        pass
    finally:
        hook.remove()
        renderer.use_checkpoints(None)
    return drawing


@pytest.mark.parametrize("step", range(1, SCENE.steps + 1))
def test_a_scene_goes_on_from_any_step(
    renderer: DiffusersRenderer, whole: _Drawing, recorded: RecordedCheckpoints, tmp_path: Path, step: int
) -> None:
    """Its frames are those of the uninterrupted scene, and no step that was done is drawn again."""
    start = RecordedCheckpoints(tmp_path, recorded.files[step])
    drawing = _drawn(renderer, start)
    assert (start.resumed_at, start.refusals) == ([step], [])
    assert drawing.is_like(whole)
    assert drawing.steps == list(range(step, SCENE.steps + 1))
    assert drawing.passes == whole.passes // SCENE.steps * (SCENE.steps - step)


def test_a_scene_is_interrupted_again_and_again(
    renderer: DiffusersRenderer, whole: _Drawing, tmp_path: Path
) -> None:
    """Each time it goes on from a checkpoint of the call before, which went on from one itself."""
    start: Path | None = None
    for step in range(1, SCENE.steps):
        folder = tmp_path / str(step)
        folder.mkdir()
        checkpoints = RecordedCheckpoints(folder, start, records=True)
        _drawn(renderer, checkpoints, last_step=step)
        start = checkpoints.files[step]
    assert _drawn(renderer, RecordedCheckpoints(tmp_path, start)).is_like(whole)


def test_a_cancelled_scene_loses_no_step(
    renderer: DiffusersRenderer, whole: _Drawing, tmp_path: Path
) -> None:
    """A checkpoint of the last step is made as it ends, within the next one."""
    last = RecordedCheckpoints(tmp_path, last=True)
    assert _drawn(renderer, last, last_step=2).frames.size == 0
    assert list(last.files) == [2]
    again = RecordedCheckpoints(tmp_path, last.files[2], last=True)
    assert _drawn(renderer, again).is_like(whole)
    assert again.files == {}


@pytest.mark.filterwarnings(*LIBRARY_WARNINGS)
def test_a_later_part_of_a_clip_goes_on(tmp_path: Path) -> None:
    """Its model draws two parts. The second one follows the first, whose latents are in the checkpoint too."""
    with drawn_family("helios", "float32") as family:
        recorded = RecordedCheckpoints(tmp_path)
        family.renderer.use_checkpoints(recorded)
        whole = family.draw(frames=40)
        assert sorted(recorded.files) == [1, 2, 3, 4]
        start = RecordedCheckpoints(tmp_path, recorded.files[3])
        family.renderer.use_checkpoints(start)
        assert (family.draw(frames=40) == whole).all()
        assert start.resumed_at == [3]


def _of_other_libraries(facts: dict[str, Any], _: dict[str, Any]) -> None:
    facts["conditions"]["version of a library"] = "{}"


def _of_a_later_version(facts: dict[str, Any], _: dict[str, Any]) -> None:
    facts["format"] = "2"


def _of_other_latents(_: dict[str, Any], tensors: dict[str, Any]) -> None:
    name = next(name for name, tensor in tensors.items() if tensor.ndim == 5)
    tensors[name] = tensors[name][:, :, :1].clone()


def _without_tensors(_: dict[str, Any], tensors: dict[str, Any]) -> None:
    for name in list(tensors)[1:]:
        del tensors[name]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (_of_other_libraries, "it was made with another version of a library"),
        (_of_a_later_version, "it is of another version of kinolog"),
        (_of_other_latents, "it is of another call"),
        (_without_tensors, "the call raised KeyError"),
    ],
)
def test_a_checkpoint_of_something_else_is_not_used(
    renderer: DiffusersRenderer,
    whole: _Drawing,
    recorded: RecordedCheckpoints,
    tmp_path: Path,
    change: Callable[[dict[str, Any], dict[str, Any]], None],
    refusal: str,
) -> None:
    """The scene is drawn from its first step, and the reason is told."""
    with safe_open(recorded.files[2], framework="pt") as file:
        facts = json.loads(file.metadata()["kinolog"])
    tensors = load_file(recorded.files[2])
    change(facts, tensors)
    save_file(tensors, tmp_path / "changed", {"kinolog": json.dumps(facts)})
    _check_refused(renderer, whole, tmp_path / "changed", refusal)


@pytest.mark.parametrize("length", [0, 100, 5000])
def test_a_torn_checkpoint_is_not_used(
    renderer: DiffusersRenderer, whole: _Drawing, recorded: RecordedCheckpoints, tmp_path: Path, length: int
) -> None:
    """As a disk that was full leaves it."""
    torn = tmp_path / "torn"
    torn.write_bytes(recorded.files[2].read_bytes()[:length])
    _check_refused(renderer, whole, torn, "it is damaged (SafetensorError)")


def _check_refused(renderer: DiffusersRenderer, whole: _Drawing, path: Path, refusal: str) -> None:
    start = RecordedCheckpoints(path.parent, path)
    drawing = _drawn(renderer, start)
    assert (start.refusals, start.resumed_at) == ([refusal], [])
    assert drawing.is_like(whole)
    assert drawing.steps == list(range(1, SCENE.steps + 1))


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"steps": 5}, "it was made with another number of steps"),
        ({"seed": 8}, "it was made with another request"),
        ({"prompt": "a blue ball"}, "it was made with another request"),
    ],
)
def test_a_checkpoint_of_another_request_is_not_used(
    renderer: DiffusersRenderer,
    recorded: RecordedCheckpoints,
    whole: _Drawing,
    tmp_path: Path,
    changes: dict[str, Any],
    refusal: str,
) -> None:
    """Another scene has its own steps."""
    start = RecordedCheckpoints(tmp_path, recorded.files[2])
    drawing = _drawn(renderer, start, replace(SCENE, **changes))
    assert (start.refusals, start.resumed_at) == ([refusal], [])
    assert drawing.steps[0] == 1
    assert not drawing.is_like(whole)
