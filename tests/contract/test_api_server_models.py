"""Jobs of models behind a server of videos: what the server is not told of is refused as a job is submitted."""

from __future__ import annotations

import pytest
from kinolog_api.choices.server_model import server_violations

from kinolog.models.catalogue import TINY, Catalogue, ModelEntry
from kinolog.models.choices.render_defaults import RenderDefaults
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import PROMPT, refused, running_api

DEFAULTS = RenderDefaults(frames=80, fps=16, steps=20)
PLAIN = ModelEntry(
    name="plain", source="http://gpu-1/v1", renderer="openai-videos", defaults=DEFAULTS, model_class="plain"
)
TOLD = PLAIN.model_copy(
    update={
        "name": "told",
        "model_class": "told",
        "options": {
            "picture": "required",
            "fields": {"frames": "num_frames", "fps": "fps", "steps": "steps", "negative_prompt": "no"},
        },
    }
)
UNEVEN = "and 81 frames at 16 per second are none"
UNTOLD = "its server is not told of it"
FIRST = pb.InputReference(role=job_pb2.INPUT_ROLE_FIRST_FRAME)
LAST = pb.InputReference(role=job_pb2.INPUT_ROLE_LAST_FRAME)


async def test_a_server_makes_one_scene() -> None:
    """Scenes are refused with what to do. The list of models has the inputs."""
    catalogue = Catalogue([TINY, PLAIN, TOLD], TINY.name)
    async with running_api(catalogue=catalogue) as api:
        scenes = [pb.SceneRequest(prompt="a fox"), pb.SceneRequest(prompt="a hen")]
        request = pb.SubmitJobRequest(model="plain", scenes=scenes)
        problem = "plain makes one scene, and this is cut into 2: give one prompt, and no shots"
        assert (await refused(api.jobs.SubmitJob(request))).fields == {"scenes": problem}
        listed = {model.name: model for model in (await api.jobs.ListModels(pb.ListModelsRequest())).models}
        assert (list(listed["plain"].inputs), list(listed["plain"].codecs)) == ([], ["h264"])
        (first,) = listed["told"].inputs
        assert (first.role, first.required, first.most) == (job_pb2.INPUT_ROLE_FIRST_FRAME, True, 1)
        job_id = await api.submit(model="plain", duration_seconds=3)
        spec = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job.spec
        assert (spec.frames, spec.model) == (48, "plain")


@pytest.mark.parametrize(
    ("model", "fields", "violations"),
    [
        (PLAIN, {"fps": 16, "steps": 20, "guidance": 5.0, "seed": 3, "codec": "h264", "crf": 18}, {}),
        (
            PLAIN,
            {"fps": 8, "steps": 10, "guidance": 1.0},
            {
                "fps": "plain takes no other fps than 16: its server is not told of it",
                "steps": "plain takes no other steps than 20: its server is not told of it",
                "guidance": "plain takes no other guidance than 5: its server is not told of it",
            },
        ),
        (PLAIN, {"frames": 81}, {"frames": f"plain makes whole seconds, {UNEVEN}: ask for 5 s"}),
        (
            PLAIN,
            {"negative_prompt": "dark"},
            {"negative_prompt": f"plain takes no negative prompt: {UNTOLD}. Leave it out"},
        ),
        (PLAIN, {"inputs": [FIRST]}, {"inputs": "plain starts from a text alone; leave them out"}),
        (
            PLAIN,
            {"chained": True, "upscaler": "x2", "interpolate_fps": 32, "codec": "av1", "crf": 30},
            dict.fromkeys(
                ("chained", "upscaler", "interpolate_fps", "codec", "crf"),
                "plain is made by a server, and its file is stored as it is. Leave it out",
            ),
        ),
        (TOLD, {"frames": 81, "fps": 8, "steps": 4, "negative_prompt": "dark", "inputs": [FIRST]}, {}),
        (TOLD, {}, {"inputs": "told needs a first picture: upload it and name it here"}),
        (TOLD, {"inputs": [FIRST, LAST]}, {"inputs": "told takes one first picture, and nothing else"}),
        (TINY, {"steps": 3, "codec": "av1"}, {}),
    ],
)
def test_what_the_server_is_not_told_of_is_refused(
    model: ModelEntry, fields: dict[str, object], violations: dict[str, str]
) -> None:
    """Each field is named with what to do. What the model has anyway may be stated, as a remix does."""
    request = pb.SubmitJobRequest(prompt=PROMPT, **fields)  # type: ignore[arg-type]  # fields of any type
    frames = request.frames if request.HasField("frames") else 80
    found = server_violations(request, frames, 16, model)
    assert {violation.field: violation.description for violation in found} == violations
