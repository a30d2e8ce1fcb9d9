"""What has to be the same for a scene that goes on from a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256

from kinolog.models.families import Family
from kinolog_worker.renderers.renderer import LoadedFacts, SceneRequest


def conditions_of(facts: LoadedFacts, family: Family, request: SceneRequest) -> Mapping[str, str]:
    """Return the conditions of a scene, by names for people.

    How frames are decoded is none of them. Of the request, whose texts are secret, there is a digest. Its files are
    elsewhere in each attempt; what is in them is that of the job.
    """
    files = [(file.role, file.media_type, file.continued_frames) for file in request.inputs]
    loras = [asdict(lora) for lora in facts.loras]
    return {
        "pipeline class": family.pipeline,
        "revision of the model": facts.revision,
        "data type": facts.dtype,
        "scheduler": facts.scheduler,
        "placement": facts.placement.partition(",")[0],
        "kind of device": facts.device.partition(":")[0],
        "version of a library": json.dumps(dict(facts.libraries), sort_keys=True),
        "option of the model": json.dumps(dict(facts.options), sort_keys=True),
        "LoRA": json.dumps(loras, sort_keys=True),
        "number of steps": str(request.steps),
        "request": sha256(repr(asdict(request) | {"inputs": files}).encode()).hexdigest(),
    }
