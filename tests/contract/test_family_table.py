"""The table of families against the installed diffusers: no class is missing, and no row names what a class lacks."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import diffusers
import pytest

from kinolog.models.families import (
    Family,
    FamilyTableError,
    GuidanceKind,
    StepReports,
    families,
    read_families,
)
from kinolog.models.model_index import pipeline_class
from tests.fixtures.drawn_families import LIBRARY_WARNINGS
from tests.fixtures.tiny_folders import tiny_folder
from tests.renderers.tiny.families import TINY_FAMILIES

pytestmark = pytest.mark.filterwarnings(*LIBRARY_WARNINGS)

PACKAGE = Path(diffusers.__file__).parent
VIDEO_PARAMETERS = {
    "num_frames",
    "video_length",
    "frames",
    "video",
    "num_frames_per_chunk",
    "segment_frame_length",
}


@dataclass(frozen=True, slots=True)
class ListedPipeline:
    """The call of a class of diffusers: its parameters with the source of their defaults, and its own source."""

    parameters: dict[str, str | None]
    source: str

    @property
    def makes_video(self) -> bool:
        """Whether it takes a number of frames or a video, or returns frames."""
        returns_frames = re.search(r"Output\([^)]*(frames|videos?)=", self.source)
        return bool(VIDEO_PARAMETERS & set(self.parameters) or returns_frames)


@cache
def _listed() -> dict[str, ListedPipeline]:
    """Return the pipelines that diffusers exports. Their modules are read, not imported: that takes a minute."""
    exported = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    found = {}
    for path in sorted((PACKAGE / "pipelines").rglob("pipeline_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and f'"{node.name}"' in exported:
                calls = [
                    part
                    for part in node.body
                    if isinstance(part, ast.FunctionDef) and part.name == "__call__"
                ]
                if calls:
                    found[node.name] = ListedPipeline(_parameters(calls[0]), ast.unparse(calls[0]))
    return found


def _parameters(call: ast.FunctionDef) -> dict[str, str | None]:
    names = [argument.arg for argument in call.args.args[1:]]
    defaults = [ast.unparse(default) for default in call.args.defaults]
    return dict(zip(names, [*[None] * (len(names) - len(defaults)), *defaults], strict=True))


def test_loras_change_networks_that_take_them() -> None:
    """A row has the networks of its class that take LoRAs; one that is compiled has none, as it would be again."""
    for family in families().values():
        if family.refusal:
            continue
        kind = getattr(diffusers, family.pipeline)
        loadable = getattr(kind, "_lora_loadable_modules", ()) if not family.compiled else ()
        networks = {name for name in loadable if name.startswith(("transformer", "unet"))}
        assert set(family.loras) <= networks, family.pipeline
        assert bool(family.loras) == bool(networks) or family.pipeline in FROZEN, family.pipeline


FROZEN = {"TextToVideoSDPipeline", "VideoToVideoSDPipeline"}
"""Pipelines with a method for LoRAs, and a network without one."""
DRIVEN = [family for family in families().values() if not family.unusable]
ORDINARY = [family for family in DRIVEN if not family.modular]


def test_every_class_that_makes_video_has_a_row() -> None:
    """A class of diffusers that makes video is in the table, driven or with the reason why it is not."""
    listed = {name for name, pipeline in _listed().items() if pipeline.makes_video}
    assert len(listed) > 70, "the classes were not found"
    assert listed == {name for name, family in families().items() if not family.modular}


@pytest.mark.parametrize("family", ORDINARY, ids=lambda family: family.pipeline)
def test_a_row_names_what_the_call_takes(family: Family) -> None:
    """Parameters, lengths of prompts and the place of the steps are those of the class."""
    parameters = _listed()[family.pipeline].parameters
    inputs = {taken.parameter for taken in family.inputs.values()}
    named = {
        family.frames_parameter,
        family.fps_parameter,
        family.steps_parameter,
        *family.arguments,
        *inputs,
    }
    if family.guidance is not GuidanceKind.GUIDER:
        named.add(family.guidance_parameter)
    assert named - {""} <= set(parameters)
    required = {name for name, default in parameters.items() if default is None}
    assert required <= {"prompt", *inputs}
    has_callback = "callback_on_step_end" in parameters
    assert has_callback == (family.step_reports is StepReports.CALLBACK)
    assert str(family.prompt_tokens or None) == str(parameters.get("max_sequence_length"))
    assert (not family.negative_prompt) or "negative_prompt" in parameters


def test_every_family_that_draws_is_tested() -> None:
    """What the table calls usable has a tiny pipeline in the conformance suite."""
    tested = {pipeline_class(str(tiny_folder(name))) for name in TINY_FAMILIES}
    assert {family.pipeline for family in DRIVEN} <= tested


def test_a_folder_without_an_index_has_no_class(tmp_path: Path) -> None:
    """Neither a missing folder nor a broken index is an error: the worker says what is wrong with a folder."""
    assert pipeline_class(str(tmp_path / "nowhere")) is None
    (tmp_path / "model_index.json").write_text("{")
    assert pipeline_class(str(tmp_path)) is None
    (tmp_path / "model_index.json").write_text("[]")
    assert pipeline_class(str(tmp_path)) is None
    (tmp_path / "model_index.json").unlink()
    (tmp_path / "modular_model_index.json").write_text('{"_class_name": "WanModularPipeline"}')
    assert pipeline_class(str(tmp_path)) == "WanModularPipeline"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('title = "A"\nframes = "4m"', "frames: '4m' is no rule of numbers"),
        ('title = "A"\nfps = 3', "fps"),
        ('title = "A"', "native values"),
        ('title = "A"\nunusable = "no"\ntask = "music"', "task: 'music'"),
        ('unusable = "no"', "title is missing"),
        ('title = "A"\nunusable = "no"\nmost_frames = true', "most_frames: True is no int"),
        ('title = "A"\nunusable = "no"\nmost_frames = -1', "most_frames: -1 is negative"),
        ('title = "A"\nunusable = "no"\nnote = 3', "note: 3 is no str"),
        ('title = "A"\nunusable = "no"\ninputs = { mask = { parameter = "mask" } }', "'mask' is not a valid"),
        ('title = "A"\nunusable = "no"\nalternatives = ["video"]', "alternatives are inputs"),
        ('title = "A"\nnative = { width = 64 }', "height, frames, fps, steps, guidance is missing"),
    ],
)
def test_a_wrong_row_is_refused(row: str, message: str, tmp_path: Path) -> None:
    """The table is validated as it is loaded. The message names the class."""
    table = tmp_path / "families.toml"
    table.write_text(f"[APipeline]\n{row}\n")
    with pytest.raises(FamilyTableError, match=message) as refusal:
        read_families(table)
    assert "APipeline" in str(refusal.value)
