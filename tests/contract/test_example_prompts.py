"""The prompts that diffusers documents its classes with, which are those of the model cards: each is one shot."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import diffusers
import pytest

from kinolog.models.families import families
from kinolog.models.known_models import known_models
from kinolog.storyboard.planner import Shots, plan_storyboard

PIPELINES = Path(diffusers.__file__).parent / "pipelines"
STRING = r'"(?:[^"\\]|\\.)*"'
PROMPT = re.compile(rf"[\s(]prompt ?= ?\(?((?:[\s.>]*{STRING})+)")
CUT = {"LTXConditionPipeline"}
"""Classes whose prompt has a mark: a sentence that begins with "And then the camera switch to"."""

STYLE = " Golden hour. Shot on 35mm. Highly detailed. 4k."


@cache
def _prompts() -> dict[str, str]:
    """Return the longest prompt in the documentation of each class that is driven and has one."""
    driven = {name for name, row in families().items() if not row.unusable}
    found = {}
    for path in PIPELINES.rglob("pipeline_*.py"):
        source = path.read_text(encoding="utf-8")
        texts = ["".join(part[1:-1] for part in re.findall(STRING, one)) for one in PROMPT.findall(source)]
        classes = driven & set(re.findall(r"^class (\w+)\(", source, re.MULTILINE))
        found.update({name: max(texts, key=len) for name in classes if texts})
    return {name: text for name, text in found.items() if text}


def test_most_classes_have_a_prompt() -> None:
    """Those of all well-known models that take a text do, and many tell their shot in five sentences or more."""
    of_known = {str(table["pipeline"]) for table in known_models().values()}
    assert of_known - set(_prompts()) <= {"StableVideoDiffusionPipeline"}
    assert len(_prompts()) > 40
    assert sum(len(re.findall(r"[.!?](?:\s|$)", text)) >= 5 for text in _prompts().values()) >= 8


@pytest.mark.parametrize("shots", [Shots.ONE, Shots.AUTO])
def test_a_prompt_of_several_sentences_is_one_shot(shots: Shots) -> None:
    """So it is with four sentences on its look after it. The scene has every word."""
    for name, prompt in _prompts().items():
        for text in (prompt, prompt + STYLE):
            scenes = plan_storyboard(text, shots=shots, frames=161, fps=16, seed=1)
            if shots is Shots.AUTO and name in CUT:
                assert len(scenes) == 2
            else:
                assert [scene.prompt for scene in scenes] == [text], name
