"""The judge reads what the drawing shows: pixels in, attributes out."""

import collections
import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from kinolog_training.captions import Brief, Thing, captioned, held_out
from kinolog_training.drawing import draw
from kinolog_training.judging import marks, read
from kinolog_training.scenes import SIDE, draw_scene, pack
from kinolog_training.vocabulary import COLOUR_NAMES, MOTIONS, SHAPE_NAMES


def drawn(briefs: list[Brief], frames: int = 17, seed: int = 0) -> NDArray[np.uint8]:
    """Draw briefs as uint8 clips [n, frames, 64, 64, 3]."""
    pictures, _ = draw(draw_scene(pack(briefs), frames, torch.Generator().manual_seed(seed)))
    return (pictures.permute(0, 1, 3, 4, 2) * 255).round().byte().numpy()


def test_the_judge_reads_at_least_97_of_100_real_clips_of_one_object() -> None:
    """Every mark of the judge holds for nearly all clips drawn from captions."""
    briefs = [brief for brief, _ in itertools.islice(captioned(11, held=False, doubles=0.0), 250)]
    totals: collections.Counter[str] = collections.Counter()
    for brief, clip in zip(briefs, drawn(briefs), strict=True):
        totals.update({name: int(good) for name, good in marks(brief, read(clip)).items()})
    assert min(totals.values()) >= 0.97 * len(briefs), totals


def test_the_judge_reads_two_objects_apart() -> None:
    """Two objects are counted, told apart and read in nearly all clips."""
    briefs = [brief for brief, _ in itertools.islice(captioned(12, held=False, doubles=1.0), 60)]
    good = [marks(brief, read(clip))["everything"] for brief, clip in zip(briefs, drawn(briefs), strict=True)]
    assert sum(good) >= 0.93 * len(briefs)


def test_the_judge_sees_a_wrong_clip_as_wrong() -> None:
    """A clip drawn from another brief fails the marks in which the two differ."""
    asked = Brief(
        (Thing(SHAPE_NAMES.index("star"), 0, motion=MOTIONS.index("left")),), COLOUR_NAMES.index("blue")
    )
    other = Brief(
        (Thing(SHAPE_NAMES.index("ring"), 2, motion=MOTIONS.index("up")),), COLOUR_NAMES.index("white")
    )
    found = marks(asked, read(drawn([other])[0]))
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
    reading = read(np.full((17, 64, 64, 3), 245, np.uint8))
    assert (reading.ground, reading.things) == ("white", ())


def test_the_judge_reads_scaled_up_clips_the_same() -> None:
    """A clip scaled up four times gives the same reading."""
    brief = Brief((Thing(3, 2, motion=MOTIONS.index("bouncing")),), COLOUR_NAMES.index("purple"))
    clip = drawn([brief])[0]
    assert read(clip.repeat(4, 1).repeat(4, 2)) == read(clip)


@pytest.mark.parametrize("frames", [9, 17, 33])
def test_objects_stay_inside_the_frame(frames: int) -> None:
    """No object leaves the frame, whatever its motion, speed and size."""
    briefs = [brief for brief, _ in itertools.islice(captioned(13, held=False), 400)]
    scene = draw_scene(pack(briefs), frames, torch.Generator().manual_seed(1))
    shown = scene.present[..., None].expand_as(scene.x)
    assert (scene.x - scene.radius)[shown].min() >= 0
    assert (scene.y + scene.radius)[shown].max() <= SIDE


def test_training_captions_never_ask_for_held_out_combinations() -> None:
    """Held-out looks and motions appear in held-out captions only, in wordings of their own."""
    trained = [brief for brief, _ in itertools.islice(captioned(1, held=False), 2000)]
    kept = [brief for brief, _ in itertools.islice(captioned(1, held=True, doubles=0.0), 200)]
    assert not any(held_out(thing) for brief in trained for thing in brief.things)
    assert all(held_out(brief.things[0]) for brief in kept)


def test_scenes_fill_silence_without_held_out_combinations() -> None:
    """What a caption leaves open is never filled with a combination that is kept from training."""
    open_brief = Brief((Thing(-1, -1),))
    scene = draw_scene(pack([open_brief] * 500), 17, torch.Generator().manual_seed(3))
    spinning_round = (scene.angle[:, 0].std(1) > 0) & ((scene.shape[:, 0] == 0) | (scene.shape[:, 0] == 4))
    assert not spinning_round.any()
