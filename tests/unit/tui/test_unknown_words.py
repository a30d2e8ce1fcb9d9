"""Words that a model does not know, named while a prompt is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kinolog_tui.session.drafts import Draft, check_draft, planned_scenes, unknown_words
from textual.pilot import Pilot

from kinolog.models.catalogue import TINY
from kinolog.storyboard.planner import Shots
from kinolog.storyboard.prompt_vocabulary import VocabularyMatch
from kinolog_client import ModelInfo
from tests.snapshot.dashboard_pilot import press, text
from tests.snapshot.replay import Replay, recorded

WEIGHTS = Path(__file__).parents[3] / "services" / "worker" / "kinolog_worker" / "models" / "kinolog-tiny"
MODEL = recorded()["answers"]["/api/v1/models"]["models"][0]


def test_the_catalogue_has_the_words_of_the_embedded_model() -> None:
    """The words of the catalogue are those of the tokenizer beside the weights, without its own marks."""
    tokenizer = json.loads((WEIGHTS / "tokenizer" / "tokenizer.json").read_text(encoding="utf-8"))
    marks = {token["content"] for token in tokenizer["added_tokens"]}
    assert set(TINY.vocabulary) == set(tokenizer["model"]["vocab"]) - marks


@pytest.mark.parametrize(
    ("prompt", "dropped", "replaced"),
    [
        ("a red circle moving right on a blue background", (), ()),
        ("A dog on the beach. Then a crimsn star.", ("dog", "beach"), (("crimsn", "crimson"),)),
    ],
)
def test_unknown_words_are_those_that_the_worker_leaves_out(
    prompt: str, dropped: tuple[str, ...], replaced: tuple[tuple[str, str], ...]
) -> None:
    """Words of all scenes are checked by the rules of the worker."""
    model = ModelInfo.model_validate(MODEL | {"vocabulary": TINY.vocabulary})
    scenes = planned_scenes(check_draft(Draft(prompt=prompt, shots=Shots.AUTO), model))
    assert unknown_words(scenes, model) == VocabularyMatch(dropped, replaced)
    assert unknown_words(scenes, ModelInfo.model_validate(MODEL)) == VocabularyMatch()


@pytest.mark.slow
async def test_they_are_named_while_the_prompt_is_typed(gateway: Replay, pilot: Pilot[None]) -> None:
    """The warning stands beside the prompt, and goes when the word does."""
    gateway.answers["/api/v1/models"]["models"][0]["vocabulary"] = list(TINY.vocabulary)
    await press(pilot, "3", *"a red dog")
    assert "kinolog-tiny does not know and leaves out: dog" in text(pilot)
    await press(pilot, "backspace", "backspace", "backspace", *"ball")
    assert "does not know" not in text(pilot)
