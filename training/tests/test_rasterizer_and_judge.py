"""The judge reads attributes from the pixels that the rasterizer draws."""

import collections
import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from kinolog_training.captions.captions import ClipSpec, ObjectSpec, caption_stream, held_out
from kinolog_training.captions.vocabulary import COLOUR_NAMES, MOTIONS, SHAPE_NAMES
from kinolog_training.evaluation.judge import obeyed, read_clip
from kinolog_training.scenes.rasterizer import rasterize
from kinolog_training.scenes.scenes import SIDE, draw_scene, pack


def drawn_clips(specs: list[ClipSpec], frames: int = 17, seed: int = 0) -> NDArray[np.uint8]:
    """Draw specs as uint8 clips [n, frames, 64, 64, 3]."""
    pictures, _ = rasterize(draw_scene(pack(specs), frames, torch.Generator().manual_seed(seed)))
    return (pictures.permute(0, 1, 3, 4, 2) * 255).round().byte().numpy()


def test_the_judge_reads_at_least_97_of_100_real_clips_of_one_object() -> None:
    """The judge finds each attribute obeyed in nearly all clips drawn from captions."""
    specs = [spec for spec, _ in itertools.islice(caption_stream(11, held=False, doubles=0.0), 250)]
    totals: collections.Counter[str] = collections.Counter()
    for spec, clip in zip(specs, drawn_clips(specs), strict=True):
        totals.update({name: int(good) for name, good in obeyed(spec, read_clip(clip)).items()})
    assert min(totals.values()) >= 0.97 * len(specs), totals


def test_the_judge_reads_two_objects_apart() -> None:
    """Two objects are counted, distinguished and read in nearly all clips."""
    specs = [spec for spec, _ in itertools.islice(caption_stream(12, held=False, doubles=1.0), 60)]
    good = [
        obeyed(spec, read_clip(clip))["everything"]
        for spec, clip in zip(specs, drawn_clips(specs), strict=True)
    ]
    assert sum(good) >= 0.93 * len(specs)


def test_the_judge_sees_a_wrong_clip_as_wrong() -> None:
    """A clip drawn from another spec disobeys the attributes in which the two differ."""
    requested = ClipSpec(
        (ObjectSpec(SHAPE_NAMES.index("star"), 0, motion=MOTIONS.index("left")),), COLOUR_NAMES.index("blue")
    )
    other = ClipSpec(
        (ObjectSpec(SHAPE_NAMES.index("ring"), 2, motion=MOTIONS.index("up")),), COLOUR_NAMES.index("white")
    )
    found = obeyed(requested, read_clip(drawn_clips([other])[0]))
    assert found == {
        "background": False,
        "count": True,
        "colour": False,
        "shape": False,
        "motion": False,
        "everything": False,
    }


def test_an_empty_clip_has_a_background_and_no_objects() -> None:
    """A clip of one plain colour reads as that background with nothing in it."""
    reading = read_clip(np.full((17, 64, 64, 3), 245, np.uint8))
    assert (reading.ground, reading.objects) == ("white", ())


def test_the_judge_reads_scaled_up_clips_the_same() -> None:
    """A clip scaled up four times gives the same reading."""
    spec = ClipSpec((ObjectSpec(3, 2, motion=MOTIONS.index("bouncing")),), COLOUR_NAMES.index("purple"))
    clip = drawn_clips([spec])[0]
    assert read_clip(clip.repeat(4, 1).repeat(4, 2)) == read_clip(clip)


@pytest.mark.parametrize("frames", [9, 17, 33])
def test_objects_stay_inside_the_frame(frames: int) -> None:
    """No object leaves the frame, whatever its motion, speed and size."""
    specs = [spec for spec, _ in itertools.islice(caption_stream(13, held=False), 400)]
    scene = draw_scene(pack(specs), frames, torch.Generator().manual_seed(1))
    shown = scene.present[..., None].expand_as(scene.x)
    assert (scene.x - scene.radius)[shown].min() >= 0
    assert (scene.y + scene.radius)[shown].max() <= SIDE


def test_training_captions_have_no_held_out_combinations() -> None:
    """Held-out combinations appear in held-out captions only, in wordings of their own."""
    trained = [spec for spec, _ in itertools.islice(caption_stream(1, held=False), 2000)]
    held = [spec for spec, _ in itertools.islice(caption_stream(1, held=True, doubles=0.0), 200)]
    assert not any(held_out(item) for spec in trained for item in spec.objects)
    assert all(held_out(spec.objects[0]) for spec in held)


def test_round_shapes_never_spin() -> None:
    """Unspecified attributes never become a spinning circle or ring."""
    open_spec = ClipSpec((ObjectSpec(-1, -1),))
    scene = draw_scene(pack([open_spec] * 500), 17, torch.Generator().manual_seed(3))
    spinning_round = (scene.angle[:, 0].std(1) > 0) & ((scene.shape[:, 0] == 0) | (scene.shape[:, 0] == 4))
    assert not spinning_round.any()
