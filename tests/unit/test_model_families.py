"""What a catalogue entry takes from the family of its pipeline."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from kinolog.models.catalogue import (
    TINY,
    ModelEntry,
    load_catalogue,
    with_family,
)
from kinolog.models.catalogue_file import CatalogueError
from kinolog.models.choices.render_defaults import RenderDefaults
from kinolog.models.families import Family, FamilyInput, NativeVideo, families
from kinolog.models.input_roles import InputRole
from kinolog.process.settings import CatalogueSettings


def _folder(path: Path, pipeline: str) -> Path:
    path.mkdir()
    (path / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    return path


def test_one_line_gives_the_native_video_of_the_family(tmp_path: Path) -> None:
    """KINOLOG_MODEL names a folder: the defaults are those of its class, not those of Wan."""
    folder = _folder(tmp_path / "mochi-1", "MochiPipeline")
    model = load_catalogue(CatalogueSettings(model=str(folder))).default
    assert (model.name, model.pipeline) == ("mochi-1", "MochiPipeline")
    defaults = model.defaults
    assert (defaults.width, defaults.height, defaults.frames, defaults.fps) == (848, 480, 85, 30)
    assert (defaults.steps, defaults.guidance) == (64, 4.5)


def test_what_an_entry_states_wins() -> None:
    """Stated defaults and limits stay, and native values stay within the limits."""
    entry = ModelEntry(
        name="cog",
        source="THUDM/CogVideoX-5b",
        pipeline="CogVideoXPipeline",
        max_frames=33,
        max_steps=30,
        sizes=("832x480",),
        defaults=RenderDefaults(fps=12),
    )
    defaults = with_family(entry).defaults
    assert (defaults.width, defaults.height) == (832, 480)
    assert (defaults.frames, defaults.fps, defaults.steps, defaults.guidance) == (33, 12, 30, 6.0)


def test_an_entry_without_a_known_class_stays_as_it_is() -> None:
    """A hub name without a class, and another renderer's entry, have no family."""
    hub = ModelEntry(name="far", source="owner/model")
    other = ModelEntry(name="card", source="x", renderer="testcard", pipeline="WanPipeline")
    assert with_family(hub) == hub
    assert with_family(other) == other


def test_the_table_needs_the_standard_library_alone() -> None:
    """The inference process reads it, on machines that have little more than torch."""
    code = (
        "import sys; before = set(sys.modules); import kinolog.models.families as f; f.families(); "
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(*sorted(new - set(sys.stdlib_module_names)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["kinolog"]


def test_an_option_that_the_family_lacks_is_refused() -> None:
    """The catalogue says so as it is read, and not the first job."""
    options = {"flow_shift": 3.0}
    entry = ModelEntry(name="latte", source="a/b", pipeline="LattePipeline", options=options)
    with pytest.raises(CatalogueError, match=r"latte: options\.flow_shift: LattePipeline has no flow shift"):
        with_family(entry)


def test_an_option_that_no_renderer_reads_is_refused(tmp_path: Path) -> None:
    """A misspelt option would have no effect, and nobody would notice. Other renderers have options of their own."""
    entry = {"name": "wan", "source": "/models/wan", "options": {"vae_type": "float16", "dtype": "bfloat16"}}
    with pytest.raises(
        ValidationError, match=r"options: there is no option vae_type; there are allow_download, "
    ):
        ModelEntry.model_validate(entry)
    assert ModelEntry.model_validate({**entry, "renderer": "cards"}).options["vae_type"] == "float16"


FIRST, LAST, REFERENCE, VIDEO, CONTROL, FACE = InputRole
_NATIVE = NativeVideo(width=64, height=64, frames=9, fps=8, steps=2, guidance=1.0)
_TAKEN = {
    FIRST: FamilyInput(parameter="image"),
    LAST: FamilyInput(parameter="last_image", optional=True),
    REFERENCE: FamilyInput(parameter="pictures", optional=True, most=2),
    VIDEO: FamilyInput(parameter="video"),
    CONTROL: FamilyInput(parameter="poses"),
    FACE: FamilyInput(parameter="faces"),
}


def _family(*roles: InputRole, alternatives: tuple[InputRole, ...] = ()) -> Family:
    inputs = {role: _TAKEN[role] for role in roles}
    return Family("APipeline", "A", native=_NATIVE, inputs=inputs, alternatives=alternatives)


@pytest.mark.parametrize(
    ("family", "given", "missing", "unknown"),
    [
        (_family(), (), "", ""),
        (_family(), (FIRST, VIDEO), "", "takes no first picture and takes no video"),
        (_family(FIRST, LAST), (), "a first picture", ""),
        (_family(FIRST, LAST), (FIRST, LAST), "", ""),
        (_family(FIRST, LAST), (LAST,), "a first picture", ""),
        (_family(FIRST, VIDEO), (FIRST,), "a video", ""),
        (_family(FIRST, VIDEO), (), "a first picture and a video", ""),
        (_family(CONTROL, FACE), (VIDEO,), "a control video and a video of a face", "takes no video"),
        (_family(FIRST), (FIRST, FIRST), "", "takes at most 1 first picture"),
        (_family(REFERENCE), (REFERENCE,) * 3, "", "takes at most 2 reference pictures"),
        (_family(FIRST, VIDEO, alternatives=(FIRST, VIDEO)), (), "a first picture or a video", ""),
        (_family(FIRST, VIDEO, alternatives=(FIRST, VIDEO)), (VIDEO,), "", ""),
        (
            _family(FIRST, VIDEO, alternatives=(FIRST, VIDEO)),
            (VIDEO, FIRST),
            "",
            "takes a first picture or a video, but not both",
        ),
    ],
)
def test_inputs_are_compared_with_those_of_the_family(
    family: Family, given: tuple[InputRole, ...], missing: str, unknown: str
) -> None:
    """What a job lacks, and what it has too much, is said in words for its error."""
    assert family.missing_inputs(given) == missing
    assert family.unknown_inputs(given) == unknown


def test_a_role_is_a_picture_or_a_video() -> None:
    """The types of its files follow from that."""
    assert "image/png" in FIRST.media_types
    assert VIDEO.media_types == ("video/mp4", "video/webm")


def test_an_unknown_placement_is_refused() -> None:
    """The message lists those that there are."""
    entry = {"name": "wan", "source": "/models/wan", "options": {"placement": "gpu"}}
    with pytest.raises(
        ValidationError, match=r"there is no placement 'gpu'; there are auto, exact, device, text-offload"
    ):
        ModelEntry.model_validate(entry)
    named = {**entry, "options": {"placement": "group-offload"}}
    assert ModelEntry.model_validate(named).options["placement"] == "group-offload"


@pytest.mark.parametrize(
    ("pipeline", "frames", "role"),
    [
        ("WanPipeline", 81, None),
        ("WanImageToVideoPipeline", 81, FIRST),
        ("WanVideoToVideoPipeline", 81, None),
        ("LTXConditionPipeline", 17, VIDEO),
        ("LTXConditionPipeline", 16, FIRST),
        ("SkyReelsV2DiffusionForcingVideoToVideoPipeline", 16, None),
    ],
)
def test_a_scene_is_continued_as_the_family_can(pipeline: str, frames: int, role: InputRole | None) -> None:
    """By its last frames if the family continues videos and there are enough, else by the last one."""
    assert families()[pipeline].chain_role(frames) is role


def test_pixels_and_frames_of_the_embedded_model_alone_are_repeated(tmp_path: Path) -> None:
    """Any other model draws a job at its size: 480x832 of a network for 832x480 is not 240x416, enlarged."""
    file = tmp_path / "catalogue.toml"
    entry = '[[models]]\nname = "wan"\nsource = "/models/wan"\nsizes = ["832x480", "480x832"]\n'
    file.write_text(f"{entry}native_width = 832\nnative_height = 480\n")
    with pytest.raises(
        CatalogueError,
        match=r"model 1: entry: native_width, native_height: pixels and .*; leave them out, and",
    ):
        load_catalogue(CatalogueSettings(catalogue=file))
    file.write_text(entry)
    assert load_catalogue(CatalogueSettings(catalogue=file)).default.drawn_pixels(480, 832, 1) == 480 * 832
    embedded = ModelEntry(name="tiny-2", source="embedded", native_width=64, native_height=64)
    assert embedded.drawn_pixels(480, 832, 1) == 64 * 64


def test_a_model_with_a_native_size_draws_no_more_than_it() -> None:
    """Whoever compares memory counts what is drawn, and not what it is enlarged to."""
    assert TINY.drawn_pixels(512, 256, 480) == 64 * 64 * 33
    assert TINY.drawn_pixels(32, 48, 9) == 32 * 48 * 9
    assert ModelEntry(name="any", source="/models/any").drawn_pixels(512, 256, 480) == 512 * 256 * 480


@pytest.mark.parametrize(
    ("pipeline", "stated", "window", "again"),
    [
        ("WanImageToVideoPipeline", {}, 80, 1),
        ("WanImageToVideoPipeline", {"defaults": RenderDefaults(frames=49)}, 48, 1),
        ("LTXConditionPipeline", {}, 144, 17),
        ("HeliosPipeline", {}, 132, 0),
        ("SkyReelsV2DiffusionForcingVideoToVideoPipeline", {}, 60, 17),
        ("WanAnimate2ModularPipeline", {}, 0, 0),
        ("WanPipeline", {}, 0, 0),
        ("Unknown", {}, 0, 0),
    ],
)
def test_long_scenes_are_cut_into_what_a_model_draws(
    pipeline: str, stated: dict[str, object], window: int, again: int
) -> None:
    """A window is as long as the default video, less what is drawn again. A model that needs more has none."""
    entry = with_family(
        ModelEntry.model_validate({"name": "m", "source": "far/m", "pipeline": pipeline} | stated)
    )
    assert entry.window_frames == window
    assert entry.redrawn_frames([100, 100]) == [0, again]
    assert entry.longest_drawn_scene([90, 90], chained=True) == 90 + again
    assert entry.longest_drawn_scene([90, 80], chained=False) == 90
    assert entry.most_frames(chained=True) == max(257, 32 * window)
    assert entry.most_frames(chained=False) == 257


def test_a_stated_length_limits_chained_jobs_too() -> None:
    """Whoever runs kinolog says how long videos may be."""
    entry = with_family(
        ModelEntry(name="m", source="far/m", pipeline="WanImageToVideoPipeline", max_frames=300)
    )
    assert entry.most_frames(chained=True) == 300
