"""Long scenes cut into windows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kinolog.storyboard.planner import SceneSpec, plan_storyboard
from kinolog.storyboard.shots import Transition
from kinolog.storyboard.windows import cut_into_windows, whole_scene_frames


@given(st.integers(10, 400), st.integers(1, 90), st.integers(1, 3))
def test_windows_show_the_frames_of_their_scenes(frames: int, most: int, count: int) -> None:
    """None is longer than allowed, all together are as long as before, and they follow each other without gaps."""
    shots = [SceneSpec(prompt=f"scene {number}") for number in range(count)]
    scenes = plan_storyboard("", shots=shots, frames=frames, fps=8, seed=2**53 - 2)
    windows = cut_into_windows(scenes, most, 8)
    assert [window.index for window in windows] == list(range(len(windows)))
    assert 0 < max(window.frames for window in windows) <= most
    assert sum(window.frames for window in windows) == frames
    shown = 0
    for window in windows:
        assert round(window.start_seconds * 8) == shown
        assert window.seed < 2**53
        shown += window.frames
    assert [window.prompt for window in windows] == sorted(window.prompt for window in windows)
    assert whole_scene_frames(windows) == [scene.frames for scene in scenes]


def test_only_the_first_window_has_the_transition_of_its_scene() -> None:
    """The others go on where it ends."""
    shots = [SceneSpec(prompt="a"), SceneSpec(prompt="b", transition=Transition.FADE)]
    scenes = plan_storyboard("", shots=shots, frames=40, fps=8, seed=1)
    windows = cut_into_windows(scenes, 10, 8)
    assert [window.transition for window in windows] == ["cut", "cut", "fade", "cut"]
    assert cut_into_windows(scenes, 20, 8) == scenes
