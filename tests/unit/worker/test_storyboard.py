"""The storyboard: laws for any prompt and any list of scenes."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kinolog.storyboard.camera import Camera, camera_in
from kinolog.storyboard.planner import MAX_SCENES, PlannedScene, SceneSpec, Shots, max_scenes, plan_storyboard
from kinolog.storyboard.shots import Transition

_words = st.one_of(
    st.sampled_from(
        ["a", "the", "red", "star", "moves", "right", "blue", "it", "black", ".", "!", "?", ",", ";"]
    ),
    st.sampled_from(
        ["Then", "and", "Fade", "cut", "dissolve", "to", "Scene", "1:", "2:", "2.", "3)", "\n\n", "\n"]
    ),
    st.sampled_from(
        ["0-2s:", "2-9s:", "4k.", "Style:", "Negative:", "CUT TO:", "[Scene 1]", "(3s)", '"', "場面2："]
    ),
)
_prompts = st.one_of(
    st.lists(_words, min_size=1, max_size=60).map(" ".join),
    st.text(min_size=1, max_size=200),
).filter(lambda prompt: prompt.strip())
_frames = st.integers(1, 2_000)
_fps = st.integers(1, 60)
_seeds = st.integers(0, 2**63 - 1)


def _planned(prompt: str, frames: int, fps: int, seed: int = 7) -> tuple[PlannedScene, ...]:
    return plan_storyboard(prompt, shots=Shots.AUTO, frames=frames, fps=fps, seed=seed)


@given(_prompts, _frames, _fps)
def test_frames_add_up_to_the_requested_number(prompt: str, frames: int, fps: int) -> None:
    """The scenes together last exactly as long as the clip."""
    scenes = _planned(prompt, frames, fps)
    assert sum(scene.frames for scene in scenes) == frames
    assert all(scene.duration_seconds == scene.frames / fps for scene in scenes)


@given(_prompts, _frames, _fps)
def test_scenes_follow_each_other_without_gaps(prompt: str, frames: int, fps: int) -> None:
    """Each scene starts where the one before ends, and they are counted from 0."""
    scenes = _planned(prompt, frames, fps)
    assert [scene.index for scene in scenes] == list(range(len(scenes)))
    shown = 0
    for scene in scenes:
        assert scene.start_seconds == shown / fps
        shown += scene.frames


@given(_prompts, _frames, _fps)
def test_scenes_are_few_and_long_enough(prompt: str, frames: int, fps: int) -> None:
    """There are never more scenes than the clip has room for, and none has fewer than five frames."""
    scenes = _planned(prompt, frames, fps)
    assert 1 <= len(scenes) <= max_scenes(frames, fps) <= MAX_SCENES
    assert len(scenes) == 1 or min(scene.frames for scene in scenes) >= 5
    assert scenes[0].transition is not Transition.DISSOLVE


@given(_prompts, _frames, _fps)
def test_every_scene_has_a_prompt(prompt: str, frames: int, fps: int) -> None:
    """No scene is blank, whatever the prompt."""
    assert all(scene.prompt.strip() for scene in _planned(prompt, frames, fps))


@given(_prompts, _frames, _fps, _seeds)
def test_a_prompt_is_one_shot_unless_its_marks_are_asked_for(
    prompt: str, frames: int, fps: int, seed: int
) -> None:
    """By default the only scene has the prompt as it is, all frames and the seed of the job."""
    (scene,) = plan_storyboard(prompt, frames=frames, fps=fps, seed=seed)
    assert (scene.prompt, scene.frames, scene.seed, scene.start_seconds) == (prompt, frames, seed, 0.0)


@given(_prompts, _frames, _fps, _seeds)
def test_all_scenes_share_the_seed(prompt: str, frames: int, fps: int, seed: int) -> None:
    """Scenes of one prompt are rendered with one seed, so that they look alike. Planning is deterministic."""
    scenes = _planned(prompt, frames, fps, seed)
    assert {scene.seed for scene in scenes} == {seed}
    assert scenes == _planned(prompt, frames, fps, seed)


@given(_prompts, _frames, _fps)
def test_no_known_word_is_lost(prompt: str, frames: int, fps: int) -> None:
    """Words that neither mark a shot nor are excluded reach some scene."""
    planned = " ".join(scene.prompt for scene in _planned(prompt, frames, fps)).split()
    words = set(prompt.split()) & {"red", "star", "moves", "right", "blue"}
    assert "Negative:" in prompt or all(any(word in piece for piece in planned) for word in words)


_specs = st.lists(
    st.builds(
        SceneSpec,
        prompt=st.sampled_from(["a star", "a ring.", "a ball!"]),
        transition=st.sampled_from(Transition),
        seed=st.none() | _seeds,
    ),
    min_size=1,
    max_size=MAX_SCENES,
)


@given(_specs, st.integers(MAX_SCENES * 5, 2_000), _fps)
def test_scenes_of_a_list_are_as_asked(specs: list[SceneSpec], frames: int, fps: int) -> None:
    """Each has its prompt after the common one, its transition, its seed or else the job's, and an equal share."""
    scenes = plan_storyboard("black and white", shots=specs, frames=frames, fps=fps, seed=7)
    assert [scene.prompt for scene in scenes] == [f"black and white. {spec.prompt}" for spec in specs]
    assert [scene.transition for scene in scenes] == [spec.transition for spec in specs]
    assert [scene.seed for scene in scenes] == [7 if spec.seed is None else spec.seed for spec in specs]
    assert max(scene.frames for scene in scenes) - min(scene.frames for scene in scenes) <= 1
    assert sum(scene.frames for scene in scenes) == frames


@given(st.lists(st.floats(0.5, 5), min_size=1, max_size=8), st.integers(10, 60))
@example([0.9375, 0.80859375, 0.9375], 42)
def test_lengths_of_a_list_are_kept(lengths: list[float], fps: int) -> None:
    """Scenes with lengths are as long as asked, to a frame."""
    specs = [SceneSpec(prompt="a star", seconds=seconds) for seconds in lengths]
    scenes = plan_storyboard("", shots=specs, frames=round(sum(lengths) * fps), fps=fps, seed=7)
    for scene, seconds in zip(scenes, lengths, strict=True):
        assert scene.prompt == "a star"
        assert abs(scene.frames - seconds * fps) <= 1.001


def test_marked_lengths_are_proportions_of_the_clip() -> None:
    """Times in a prompt divide the clip; a scene without one has what the others leave."""
    assert [scene.frames for scene in _planned("0-1s: rain. 1-4s: sun.", 80, 10)] == [20, 60]
    assert [
        scene.frames for scene in _planned("Scene 1 (2s): rain. Scene 2: fog. Scene 3: sun.", 80, 10)
    ] == [20, 30, 30]
    assert [scene.frames for scene in _planned("Scene 1 (8s): rain. Scene 2: fog.", 80, 10)] == [40, 40]
    assert [scene.frames for scene in _planned("0-0.1s: rain. 0.1-8s: sun.", 80, 10)] == [5, 75]


def test_the_tail_joins_the_last_scene() -> None:
    """In a clip too short for all scenes the last one has the words of those that have no room."""
    scenes = _planned("A star.\n\nA ring.\n\nA ball.\n\nA cat.", 33, 16)
    assert [scene.prompt for scene in scenes] == ["A star.", "A ring. A ball. A cat."]


def test_nothing_dissolves_into_the_first_scene() -> None:
    """A dissolve needs a scene before it; a fade comes out of black."""
    scenes = _planned("Dissolve to a ring. Then a ball.", 80, 10)
    assert [scene.transition for scene in scenes] == [Transition.CUT, Transition.CUT]
    assert _planned("Fade in: a ring. Then a ball.", 80, 10)[0].transition is Transition.FADE


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
