"""The check of a draft before it is submitted."""

from __future__ import annotations

import pytest
from kinolog_tui.session.drafts import Draft, check_draft, planned_scenes

from kinolog_client import ModelInfo, ModelListInfo
from tests.snapshot.replay import recorded


@pytest.fixture
def model() -> ModelInfo:
    """The model of the recorded catalogue: at most 480 frames and 100 steps, four sizes."""
    return ModelListInfo.model_validate(recorded()["answers"]["/mcp/models"]).models[0]


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


def test_scenes_are_those_that_the_service_plans(model: ModelInfo) -> None:
    """The storyboard before submitting has the same scenes and frames as the one after it."""
    checked = check_draft(Draft(prompt="A ball. Then a cube.", duration="4"), model)
    scenes = planned_scenes(checked)
    assert [scene.prompt for scene in scenes] == ["A ball.", "a cube."]
    assert sum(scene.frames for scene in scenes) == checked.frames == 32
    assert planned_scenes(check_draft(Draft(), model)) == ()
