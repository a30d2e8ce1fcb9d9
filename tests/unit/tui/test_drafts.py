"""The check of a draft before it is submitted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from kinolog_tui.session.drafts import Draft, check_draft, planned_scenes, shots_of, unused_marks, usual_crf

from kinolog.storyboard.planner import Shots
from kinolog_client import JobInfo, ModelInfo, ModelListInfo
from tests.snapshot.replay import recorded


@pytest.fixture
def model() -> ModelInfo:
    """The model of the recorded catalogue: at most 480 frames and 100 steps, four sizes."""
    return ModelListInfo.model_validate(recorded()["answers"]["/api/v1/models"]).models[0]


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (Draft(), "prompt"),
        (Draft(prompt="x" * 4_001), "prompt"),
        (Draft(prompt="x", duration="61"), "duration"),
        (Draft(prompt="x", duration="soon"), "duration"),
        (Draft(prompt="x", duration="nan"), "duration"),
        (Draft(prompt="x", steps="101"), "steps"),
        (Draft(prompt="x", steps="2.5"), "steps"),
        (Draft(prompt="x", seed="-1"), "seed"),
        (Draft(prompt="x", size="100x100"), "size"),
        (Draft(prompt="x", size="large"), "size"),
        (Draft(prompt="x", crf="52"), "crf"),
        (Draft(prompt="x", crf="best"), "crf"),
        (Draft(prompt="x", title="x" * 201), "title"),
        (Draft(prompt="x", variants="9"), "variants"),
        (Draft(prompt="x", variants="0"), "variants"),
        (Draft(prompt="x", variants="some"), "variants"),
        (Draft(prompt="x", variants="2", seed="9007199254740991"), "seed"),
    ],
)
def test_values_beyond_the_limits_are_named(draft: Draft, field: str, model: ModelInfo) -> None:
    """A draft outside the model's limits has an error in that field and in no other."""
    assert list(check_draft(draft, model).errors) == [field]


def test_empty_fields_have_the_defaults_of_the_model(model: ModelInfo) -> None:
    """Only typed fields are sent; the checked draft has the model's defaults for the rest."""
    checked = check_draft(Draft(prompt=" a ball ", seed="7"), model)
    assert checked.request.body() == {"prompt": "a ball", "model": model.name, "seed": 7}
    assert (checked.frames, checked.steps) == (model.defaults.frames, model.defaults.steps)


def test_codec_quality_and_title_are_sent(model: ModelInfo) -> None:
    """Rate factors go as far as those of the codec; the usual one is the model's, or that of another codec."""
    draft = Draft(prompt="a ball", codec="av1", crf="60", title="Ball")
    body = check_draft(draft, model).request.body()
    assert (body["codec"], body["crf"], body["title"]) == ("av1", 60, "Ball")
    own = model.model_copy(update={"defaults": model.defaults.model_copy(update={"crf": 30})})
    assert [usual_crf(codec, own) for codec in ("", "h264", "av1")] == [30, 30, 24]


def test_variants_are_sent_if_there_are_several(model: ModelInfo) -> None:
    """One video is no variant. The last variant has the largest seed that there is."""
    bodies = [
        check_draft(Draft(prompt="a ball", variants=typed), model).request.body() for typed in ("", "1", "8")
    ]
    assert [body.get("variants") for body in bodies] == [None, None, 8]
    last = check_draft(Draft(prompt="a ball", variants="2", seed="9007199254740990"), model)
    assert not last.errors
    assert last.request.seed == 9_007_199_254_740_990


def test_scenes_are_those_that_the_service_plans(model: ModelInfo) -> None:
    """The storyboard before submitting has the same scenes and frames as the one after it."""
    checked = check_draft(Draft(prompt="A ball. Then a cube.", shots=Shots.AUTO, duration="4"), model)
    scenes = planned_scenes(checked)
    assert [scene.prompt for scene in scenes] == ["A ball.", "a cube."]
    assert sum(scene.frames for scene in scenes) == checked.frames == 32
    assert planned_scenes(check_draft(Draft(), model)) == ()


def test_a_draft_is_one_shot_unless_its_shots_are_auto(model: ModelInfo) -> None:
    """The default sends no field, and counts the marks that it does not use."""
    one = check_draft(Draft(prompt="A ball. Then a cube."), model)
    auto = check_draft(Draft(prompt="A ball. Then a cube.", shots=Shots.AUTO), model)
    assert ("shots" in one.request.body(), auto.request.body()["shots"]) == (False, "auto")
    assert (len(planned_scenes(one)), len(planned_scenes(auto))) == (1, 2)
    assert (unused_marks(one), unused_marks(auto)) == (2, 0)
    assert unused_marks(check_draft(Draft(prompt="A ball. A cube."), model)) == 0


def test_marked_times_are_the_length(model: ModelInfo) -> None:
    """As in the service, shots with times are as long as they say, unless seconds are typed."""
    timed = Draft(prompt="0-1s: a ball. 1-3s: a cube.", shots=Shots.AUTO)
    assert check_draft(timed, model).frames == 3 * model.defaults.fps
    assert check_draft(replace(timed, duration="2"), model).frames == 2 * model.defaults.fps
    assert check_draft(replace(timed, shots=Shots.ONE), model).frames == model.defaults.frames
    long = check_draft(replace(timed, prompt="0-40s: a ball. 40-90s: a cube."), model)
    assert long.errors == {"prompt": "marks shots of 90 s together; 60 at most, or give seconds"}


@pytest.mark.parametrize(
    ("prompt", "scenes", "shots"),
    [
        ("A ball. Then a cube.", 2, Shots.AUTO),
        ("A ball. Then a cube.", 1, Shots.ONE),
        ("A ball. A cube.", 2, Shots.ONE),
        ("A ball. Then a cube.", 3, Shots.ONE),
        ("", 2, Shots.ONE),
    ],
)
def test_a_job_again_is_cut_as_it_was(prompt: str, scenes: int, shots: Shots) -> None:
    """A job whose scenes its prompt marks is cut there again. Scenes that were listed, or cut otherwise, are not."""
    data = recorded()
    job = JobInfo.model_validate(data["answers"][f"/api/v1/status/{data['made']}"])
    assert shots_of(job.model_copy(update={"prompt": prompt, "scenes": scenes, "frames": 48})) is shots


def test_a_chained_draft_shows_the_parts_of_long_scenes(model: ModelInfo) -> None:
    """The field is sent, and the scenes are those of the service. A job made again is cut at its marks as before."""
    chains = model.model_copy(update={"window_frames": 10})
    apart = check_draft(Draft(prompt="a walk", duration="4"), chains)
    chained = check_draft(Draft(prompt="a walk", duration="4", chained=True), chains)
    assert ("chained" in apart.request.body(), chained.request.body()["chained"]) == (False, True)
    assert [scene.frames for scene in planned_scenes(apart)] == [32]
    assert [scene.frames for scene in planned_scenes(chained)] == [8, 8, 8, 8]
    job = JobInfo.model_validate(recorded()["answers"][f"/api/v1/status/{recorded()['made']}"])
    marked = job.model_copy(update={"prompt": "A star. Then a ring.", "scenes": 4, "frames": 40, "fps": 8})
    assert shots_of(marked) is Shots.ONE
    assert shots_of(marked.model_copy(update={"chained": True})) is Shots.AUTO
