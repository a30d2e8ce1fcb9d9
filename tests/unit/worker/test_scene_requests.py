"""What each scene of a job starts from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kinolog_worker.inference.messages import SceneFile
from kinolog_worker.renderers.renderer import InputFile

from kinolog.models.input_roles import InputRole
from tests.builders.render_jobs import card_job

FIRST, LAST, REFERENCE = InputRole.FIRST_FRAME, InputRole.LAST_FRAME, InputRole.REFERENCE
INPUTS = tuple(
    InputFile(role=role, path=Path(role), media_type="image/png") for role in (FIRST, LAST, REFERENCE)
)


def test_inputs_are_where_they_are_shown(tmp_path: Path) -> None:
    """The first picture belongs to the first scene, the last one to the last, and reference pictures to all."""
    job = replace(card_job(tmp_path / "job"), inputs=INPUTS)
    first, last = job.scenes
    assert [file.role for file in job.request(first).inputs] == [FIRST, REFERENCE]
    assert [file.role for file in job.request(last).inputs] == [LAST, REFERENCE]
    alone = replace(job, scenes=(first,))
    assert alone.request(first).inputs == INPUTS


def test_a_chained_scene_goes_on_from_the_one_before(tmp_path: Path) -> None:
    """Its last input is the file of that scene. The first scene has none, nor has one that is prefetched."""
    job = replace(card_job(tmp_path / "job"), chained=True)
    first, second = job.scenes
    before = SceneFile(index=0, path=tmp_path / "scene.mp4", sha256="", frames=10, size_bytes=1)
    assert job.request(first).inputs == job.request(second).inputs == ()
    (continued,) = job.request(second, before).inputs
    assert (continued.path, continued.continued_frames, continued.media_type) == (
        before.path,
        10,
        "video/mp4",
    )
    assert replace(job, chained=False).request(second, before).inputs == ()
