"""The storyboard: laws for any prompt, and examples of how prompts are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinolog.storyboard import shots
from kinolog.storyboard.camera import Camera, camera_in
from kinolog.storyboard.planner import MAX_SCENES, PlannedScene, max_scenes, plan_storyboard
from kinolog.storyboard.shots import Transition

_words = st.one_of(
    st.sampled_from(
        ["a", "the", "red", "star", "moves", "right", "blue", "it", "black", ".", "!", "?", ",", ";"]
    ),
    st.sampled_from(["then", "and", "fades", "cut", "dissolve", "to", "Scene", "1:", "2.", "3)", "\n"]),
)
_prompts = st.one_of(
    st.lists(_words, min_size=1, max_size=60).map(" ".join),
    st.text(min_size=1, max_size=200),
).filter(lambda prompt: prompt.strip())
_frames = st.integers(1, 2_000)
_fps = st.integers(1, 60)
_seeds = st.integers(0, 2**63 - 1)


@given(_prompts, _frames, _fps, _seeds)
def test_frames_add_up_to_the_requested_number(prompt: str, frames: int, fps: int, seed: int) -> None:
    """The scenes together last exactly as long as the clip."""
    scenes = plan_storyboard(prompt, frames=frames, fps=fps, seed=seed)
    assert sum(scene.frames for scene in scenes) == frames
    assert all(scene.duration_seconds == scene.frames / fps for scene in scenes)


@given(_prompts, _frames, _fps, _seeds)
def test_scenes_follow_each_other_without_gaps(prompt: str, frames: int, fps: int, seed: int) -> None:
    """Each scene starts where the one before ends, and they are counted from 0."""
    scenes = plan_storyboard(prompt, frames=frames, fps=fps, seed=seed)
    assert [scene.index for scene in scenes] == list(range(len(scenes)))
    shown = 0
    for scene in scenes:
        assert scene.start_seconds == shown / fps
        shown += scene.frames


@given(_prompts, _frames, _fps, _seeds)
def test_scenes_are_few_and_long_enough(prompt: str, frames: int, fps: int, seed: int) -> None:
    """There are never more scenes than the clip has room for, and lengths differ by one frame at most."""
    scenes = plan_storyboard(prompt, frames=frames, fps=fps, seed=seed)
    assert 1 <= len(scenes) <= max_scenes(frames, fps) <= MAX_SCENES
    assert max(scene.frames for scene in scenes) - min(scene.frames for scene in scenes) <= 1
    assert len(scenes) == 1 or min(scene.frames for scene in scenes) >= max(5, fps)


@given(_prompts, _frames, _fps, _seeds)
def test_every_scene_has_a_prompt(prompt: str, frames: int, fps: int, seed: int) -> None:
    """No scene is blank, whatever the prompt."""
    assert all(scene.prompt.strip() for scene in plan_storyboard(prompt, frames=frames, fps=fps, seed=seed))


@given(_prompts, _frames, _fps, _seeds)
def test_planning_is_deterministic(prompt: str, frames: int, fps: int, seed: int) -> None:
    """The same arguments give the same scenes."""
    assert plan_storyboard(prompt, frames=frames, fps=fps, seed=seed) == plan_storyboard(
        prompt, frames=frames, fps=fps, seed=seed
    )


@given(_prompts)
def test_the_fast_search_finds_every_cut(prompt: str) -> None:
    """A prompt that is cut anywhere matches the cue that is searched for first."""
    text = shots._single_spaced(prompt)
    assert shots._NUMBER_CUE.search(text) or not shots._NUMBERED.search(text)
    assert shots._SENTENCE_END_CUE.search(text) or not shots._SENTENCE_END.search(text)
    cued = any(cue in text.lower() for cue in shots._CLAUSE_CUES)
    assert cued or not shots._CLAUSE_START.search(text)


@given(_prompts, _frames, _fps, _seeds)
def test_the_first_seed_is_the_jobs(prompt: str, frames: int, fps: int, seed: int) -> None:
    """The first scene is rendered with the seed of the job, the others with seeds of their own."""
    seeds = [scene.seed for scene in plan_storyboard(prompt, frames=frames, fps=fps, seed=seed)]
    assert seeds[0] == seed
    assert len(set(seeds[1:])) == len(seeds[1:])


@given(_prompts, _frames, _fps, _seeds)
def test_no_known_word_is_lost(prompt: str, frames: int, fps: int, seed: int) -> None:
    """Words that are neither numbering nor a written-out transition reach some scene."""
    planned = " ".join(
        scene.prompt for scene in plan_storyboard(prompt, frames=frames, fps=fps, seed=seed)
    ).split()
    for word in ("red", "star", "moves", "right", "blue"):
        if word in prompt.split():
            assert any(word in piece for piece in planned)


def test_a_long_prompt_is_cut_in_linear_time() -> None:
    """No pattern backtracks over ten thousand blanks, dots or numbers."""
    for unit in (" ", ". ", "then ", "1. ", "\n", ", and ", "Scene 1: ", "fade to "):
        plan_storyboard("a" + unit * (10_000 // len(unit)) + "b", frames=160, fps=16, seed=0)


def _prompts_of(prompt: str) -> list[str]:
    return [scene.prompt for scene in plan_storyboard(prompt, frames=320, fps=16, seed=7)]


@pytest.mark.parametrize(
    ("prompt", "scenes"),
    [
        (
            "a red circle moving right on a blue background",
            ["a red circle moving right on a blue background"],
        ),
        ("A cat sleeps. A dog runs.", ["A cat sleeps.", "A dog runs."]),
        ("A cat sleeps. It wakes up. A dog runs.", ["A cat sleeps. It wakes up.", "A dog runs."]),
        ("A cat sleeps. The camera pans left.", ["A cat sleeps. The camera pans left."]),
        ("a star rises, then a ring falls", ["a star rises", "a ring falls"]),
        ("a star rises and then it spins", ["a star rises", "a star rises, then it spins"]),
        ("Since then a cat lives here", ["Since then a cat lives here"]),
        ("Scene 1: a ball. Scene 2: a star.", ["a ball.", "a star."]),
        ("1. a ball\n2. a star\n3. a ring", ["a ball", "a star", "a ring"]),
        ("A noir film. Scene 1: rain. Scene 2: sun.", ["A noir film. rain.", "A noir film. sun."]),
        ("1. a ball", ["1. a ball"]),
        ("Dr. Who walks 3.5 miles", ["Dr. Who walks 3.5 miles"]),
        ("a ball; fade to a star", ["a ball", "a star"]),
        ("The light fades to black", ["The light fades to black"]),
        ("...", ["..."]),
    ],
)
def test_prompts_are_cut_where_a_reader_would(prompt: str, scenes: list[str]) -> None:
    """Sentences, "then", numbers and transitions begin a scene; a dependent sentence stays with the scene before."""
    assert _prompts_of(prompt) == scenes


def test_the_tail_joins_the_last_scene() -> None:
    """In a clip too short for all scenes the last one has the words of those that have no room."""
    scenes = plan_storyboard("A star. A ring. A ball. A cat.", frames=33, fps=16, seed=0)
    assert [scene.prompt for scene in scenes] == ["A star.", "A ring. A ball. A cat."]


def test_transitions_come_from_the_words() -> None:
    """A scene is cut to unless the prompt says fade or dissolve."""
    scenes = plan_storyboard(
        "A star. Fade to a ring. We dissolve to a ball. Cut to a cat. A dog.", frames=320, fps=16, seed=0
    )
    assert [scene.transition for scene in scenes] == [
        Transition.CUT,
        Transition.FADE,
        Transition.DISSOLVE,
        Transition.CUT,
        Transition.CUT,
    ]
    assert [scene.prompt for scene in scenes] == ["A star.", "a ring.", "a ball.", "a cat.", "A dog."]


@pytest.mark.parametrize(
    ("text", "camera"),
    [
        ("a red star", Camera.STATIC),
        ("the camera pans slowly left", Camera.PAN_LEFT),
        ("panning right over hills", Camera.PAN_RIGHT),
        ("a frying pan", Camera.STATIC),
        ("tilt up to the sky", Camera.TILT_UP),
        ("slow zoom in on a face", Camera.ZOOM_IN),
        ("zooming out, then pans left", Camera.ZOOM_OUT),
        ("an aerial view of a city", Camera.AERIAL),
        ("handheld footage", Camera.HANDHELD),
        ("a tracking shot", Camera.TRACKING),
    ],
)
def test_camera_words_are_found(text: str, camera: Camera) -> None:
    """The first camera movement named wins; without one the camera stands still."""
    assert camera_in(text) is camera


@pytest.mark.parametrize(("prompt", "frames", "fps"), [("  \n", 10, 16), ("a", 0, 16), ("a", 10, 0)])
def test_nonsense_is_refused(prompt: str, frames: int, fps: int) -> None:
    """A blank prompt or a clip without frames has no storyboard."""
    with pytest.raises(ValueError, match=r"blank|at least 1"):
        plan_storyboard(prompt, frames=frames, fps=fps, seed=0)


def test_scenes_are_values() -> None:
    """Scenes compare by content and cannot be changed."""
    (scene,) = plan_storyboard("a star", frames=17, fps=16, seed=3)
    assert scene == PlannedScene(
        index=0,
        prompt="a star",
        start_seconds=0.0,
        duration_seconds=17 / 16,
        frames=17,
        camera=Camera.STATIC,
        transition=Transition.CUT,
        seed=3,
    )
