"""Plans of jobs: defaults and limits of models."""

from __future__ import annotations

import pytest
from kinolog_api.jobs import job_plan
from kinolog_api.jobs.job_plan import JobPlan, plan_job
from kinolog_api.rpc.errors import RpcError

from kinolog.models.catalogue import TINY, Catalogue
from kinolog.models.choices.render_defaults import RenderDefaults
from kinolog.models.codecs import VideoCodec
from kinolog.storyboard.planner import SceneSpec, Shots
from kinolog.storyboard.shots import Transition
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import CATALOGUE


def plan(**fields: object) -> JobPlan:
    """Return the plan of a request with these fields."""
    request = pb.SubmitJobRequest(**{"prompt": "a fox"} | fields)  # type: ignore[arg-type]  # fields of any type
    return plan_job(request, CATALOGUE, lambda: 77)


def violations(**fields: object) -> dict[str, str]:
    """Return the violations of a request with these fields."""
    with pytest.raises(RpcError) as refusal:
        plan(**fields)
    return {violation.field: violation.description for violation in refusal.value.violations}


def test_given_values_take_precedence_over_defaults() -> None:
    """Given values, including zero, are given. Only missing values get defaults."""
    given = plan(width=128, height=128, frames=9, fps=4, steps=5, guidance=0.0, seed=0, max_attempts=1)
    assert (given.width, given.height, given.frames, given.fps, given.steps) == (128, 128, 9, 4, 5)
    assert (given.guidance, given.seed, given.max_attempts) == (0.0, 0, 1)
    assert plan().seed == 77
    assert plan(model="large").negative_prompt == "blurry"
    assert plan(model="large", negative_prompt="dark").negative_prompt == "dark"


@pytest.mark.parametrize(
    ("seconds", "fps", "frames"), [(3, 8, 24), (0.01, 8, 1), (2.05, 10, 20), (1.96, 10, 20), (60, 8, 480)]
)
def test_seconds_become_frames(seconds: float, fps: int, frames: int) -> None:
    """A duration is rounded to whole frames, at least one."""
    assert plan(duration_seconds=seconds, fps=fps).frames == frames


def test_styles_are_case_insensitive() -> None:
    """Styles are matched case-insensitively and stored in lower case."""
    assert plan(style="Cinematic").style == "cinematic"
    assert plan(model="large", style=" NOIR ").style == "noir"


def test_the_longest_video_of_a_model() -> None:
    """The maximum number of frames is accepted. One more is refused, and the error names the requested field."""
    assert plan(duration_seconds=60, fps=8).frames == 480
    assert "60 s at 8 frames per second" in violations(duration_seconds=60.2, fps=8)["duration_seconds"]
    assert "at most 480 frames" in violations(frames=481)["frames"]


def test_errors_list_the_supported_sizes() -> None:
    """An unsupported size is refused. The error lists the supported ones."""
    assert "64x64, 128x128" in violations(width=100, height=100)["width"]
    assert violations(height=100).keys() == {"height"}
    assert "even widths" in violations(model="large", width=4096, height=4096)["width"]


def test_a_prompt_is_one_shot_unless_asked() -> None:
    """Requests of earlier clients, which have no field for it, are one shot too."""
    assert plan().shots is Shots.ONE
    assert plan(shots=pb.SHOTS_ONE).shots is Shots.ONE
    assert plan(shots=pb.SHOTS_AUTO).shots is Shots.AUTO


def test_scenes_have_what_they_ask_for() -> None:
    """A list of scenes has lengths, transitions and seeds. Lists show the common prompt, or those of the scenes."""
    scenes = [
        pb.SceneRequest(prompt="rain", duration_seconds=2, transition=pb.TRANSITION_FADE),
        pb.SceneRequest(prompt="sun", duration_seconds=1.5, transition=pb.TRANSITION_DISSOLVE, seed=0),
    ]
    given = plan(prompt="", scenes=scenes)
    assert given.shots == (
        SceneSpec(prompt="rain", seconds=2.0, transition=Transition.FADE),
        SceneSpec(prompt="sun", seconds=1.5, transition=Transition.DISSOLVE, seed=0),
    )
    assert (given.prompt, given.common_prompt, given.frames) == ("rain. sun", "", 28)
    assert plan(scenes=scenes).prompt == plan(scenes=scenes).common_prompt == "a fox"


def test_the_prompts_of_many_scenes_are_cut_to_one_prompt() -> None:
    """What lists show is never longer than a prompt may be."""
    given = plan(prompt="", scenes=[pb.SceneRequest(prompt="x" * 4_000)] * 3)
    assert len(given.prompt) == 4_000
    assert given.prompt.endswith("…")


def test_scenes_without_lengths_share_that_of_the_video() -> None:
    """Three scenes of five frames fit into the default length of 17; a fourth does not."""
    scenes = [pb.SceneRequest(prompt="rain")]
    assert plan(scenes=scenes * 3).frames == 17
    assert plan(scenes=scenes * 4, duration_seconds=3).frames == 24
    assert "share 17 frames" in violations(scenes=scenes * 4)["scenes"]


def test_marked_times_are_the_length_of_the_video() -> None:
    """A prompt whose shots all have times is as long as they are, unless the request has a length of its own."""
    timed = "0-2s: rain. 2-5s: sun."
    assert plan(prompt=timed, shots=pb.SHOTS_AUTO).frames == 40
    assert plan(prompt=timed, shots=pb.SHOTS_AUTO, frames=20).frames == 20
    assert plan(prompt=timed, shots=pb.SHOTS_AUTO, duration_seconds=3).frames == 24
    assert plan(prompt=timed).frames == 17
    assert "last 90 s together" in violations(prompt="0-40s: a. 40-90s: b.", shots=pb.SHOTS_AUTO)["prompt"]


def test_negative_lines_of_a_cut_prompt_are_excluded() -> None:
    """They join the negative prompt, instead of the model's default. A prompt of one shot keeps its lines."""
    lines = "Scene 1: rain.\nScene 2: sun.\nNegative: blur"
    assert plan(prompt=lines, shots=pb.SHOTS_AUTO, model="large").negative_prompt == "blur"
    assert plan(prompt=lines, shots=pb.SHOTS_AUTO, negative_prompt="dark").negative_prompt == "dark, blur"
    assert plan(prompt=lines, model="large").negative_prompt == "blurry"
    many = violations(prompt=lines, shots=pb.SHOTS_AUTO, negative_prompt="x" * 4_000)
    assert "4,000 characters" in many["negative_prompt"]


def test_the_codec_and_its_quality() -> None:
    """Without a codec a job has that of its model, and without a rate factor the usual one of the codec."""
    assert (plan().codec, plan().crf) == ("h264", 18)
    assert (plan(codec=" AV1 ").codec, plan(codec="av1").crf) == ("av1", 24)
    assert (plan(codec="h265", crf=30).codec, plan(codec="h265", crf=30).crf) == ("h265", 30)
    assert plan(title="  Rain \u3000").title == "Rain"


def test_a_model_has_a_codec_of_its_own() -> None:
    """The rate factor of a model goes with its codec, not with another one that a job names."""
    fine = TINY.model_copy(update={"defaults": RenderDefaults(codec=VideoCodec.H265, crf=12)})
    catalogue = Catalogue([fine], fine.name)

    def planned(codec: str = "") -> tuple[str, int]:
        request = pb.SubmitJobRequest(prompt="a fox", width=64, height=64, codec=codec)
        found = plan_job(request, catalogue, lambda: 77)
        return found.codec, found.crf

    assert planned() == ("h265", 12)
    assert planned(codec="h264") == ("h264", 18)


def test_errors_about_codecs_say_what_is_possible() -> None:
    """An unknown codec, a rate factor that it does not have, and a size that its encoder does not take are refused."""
    assert violations(codec="vp9")["codec"] == (
        "must be one of h264, h265, av1, h264_nvenc, h265_nvenc, av1_nvenc"
    )
    assert violations(codec="h264", crf=52) == {"crf": "must be 1 to 51 for h264"}
    assert plan(codec="av1", crf=63).crf == 63
    assert violations(codec="av1_nvenc", width=128, height=128) == {
        "codec": "av1_nvenc encodes sizes from 192x128"
    }


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"seed": 5},
        {"seed": 2**32},
        {"model": "large", "frames": 33, "priority": job_pb2.PRIORITY_HIGH},
        {"model": "large", "negative_prompt": "dark"},
        {"title": "a title"},
        {"scenes": [pb.SceneRequest(prompt="an owl")]},
        {"shots": pb.SHOTS_AUTO},
        {"shots": pb.SHOTS_ONE, "width": 128, "height": 128},
    ],
)
def test_a_remembered_plan_is_that_of_its_request(fields: dict[str, object]) -> None:
    """Plans of requests that differ in prompt, id and seed follow from each, whatever was planned before."""
    catalogue = Catalogue(CATALOGUE, TINY.name)
    prompts = ["a fox. Cut to: an owl", " two\nlines ", "", "a fox"]
    for number, prompt in enumerate(prompts if "scenes" in fields else filter(None, prompts)):
        own = {"seed": 9 - number} if fields.get("seed") == 5 else {}
        request = pb.SubmitJobRequest(**{"prompt": prompt, "request_id": f"r{number}"} | fields | own)  # type: ignore[arg-type]  # fields of any type
        fresh = Catalogue(CATALOGUE, TINY.name)
        assert plan_job(request, catalogue, lambda: 77) == plan_job(request, fresh, lambda: 77)


def test_a_wrong_request_is_refused_each_time() -> None:
    """A plan that the model does not take is not remembered, and neither is another one taken for it."""
    plan(frames=17)
    for _ in range(2):
        assert "frames" in violations(frames=100_000)
    assert plan(frames=17).frames == 17


def test_a_prompt_is_in_no_remembered_plan() -> None:
    """What is kept of a plan has no text of a user."""
    catalogue = Catalogue(CATALOGUE, TINY.name)
    for fields in (
        {},
        {"negative_prompt": "owls"},
        {"title": "owls"},
        {"scenes": [pb.SceneRequest(prompt="owls")]},
    ):
        plan_job(pb.SubmitJobRequest(prompt="a fox", seed=1, **fields), catalogue, lambda: 77)
    kept = repr(job_plan._remembered[catalogue])
    assert "fox" not in kept
    assert "owls" not in kept
