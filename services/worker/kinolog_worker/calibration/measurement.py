"""What a calibration draws: clips of a model of the catalogue by its defaults, as it is and with a profile."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from pathlib import Path

from kinolog.models.catalogue import Catalogue, ModelEntry, load_catalogue
from kinolog.models.catalogue_file import CatalogueError
from kinolog.models.choices.loras import LoraEntry
from kinolog.models.choices.profiles import ModelProfile
from kinolog.models.hub.snapshots import local_snapshot
from kinolog.models.input_roles import InputRole
from kinolog.models.model_folder import hub_model
from kinolog.process.settings import CatalogueSettings
from kinolog_worker.attempt.render_request import lora_source, model_source
from kinolog_worker.calibration.compared_clips import ProfileMeasurement
from kinolog_worker.renderers.profiles.calibration import ProfileSettings
from kinolog_worker.renderers.renderer import InputFile, LoraSource, RenderFailed, SceneRequest

PROMPTS = (
    "a red ball moves from left to right over green grass",
    "a dog runs along a beach at sunset, waves behind it",
    "a street in the rain at night, people with umbrellas walk past lit windows",
    "a close-up of a face that turns slowly and smiles",
)
"""What is drawn without a file of prompts: motion, a scene, detail and a face."""

SEED = 1
"""That of the first clip. Each one after it has the next seed."""


def measurement_of(
    settings: CatalogueSettings,
    model: str,
    profile: str,
    clips: int,
    prompts: Path | None = None,
    picture: Path | None = None,
) -> ProfileMeasurement:
    """Return what is drawn to measure a profile of a model. Raises RenderFailed and OSError."""
    try:
        catalogue = load_catalogue(settings)
    except CatalogueError as error:
        raise _unusable(str(error)) from error
    entry = catalogue.get(model)
    if entry is None:
        raise _unusable(f"there is no model {model}; there are {', '.join(catalogue.names)}")
    stated = next((one for name, one in entry.profiles.items() if name == profile), None)
    if stated is None:
        known = ", ".join(entry.profiles) or "none but exact"
        raise _unusable(f"{model} has no profile {profile}; it has {known}")
    defaults = entry.defaults
    return ProfileMeasurement(
        profile=profile,
        model=model_source(entry, _folder(entry)),
        requests=_requests(entry, clips, prompts, picture),
        settings=ProfileSettings(
            steps=stated.made_steps or defaults.steps,
            guidance=defaults.guidance if stated.guidance is None else stated.guidance,
            sigmas=stated.sigmas,
            flow_shift=stated.flow_shift or 0.0,
            cache=stated.step_cache,
        ),
        loras=_loras(catalogue, entry, stated),
    )


def _folder(entry: ModelEntry) -> Path | None:
    model = hub_model(entry)
    return None if model is None else local_snapshot(model)


def _loras(catalogue: Catalogue, entry: ModelEntry, profile: ModelProfile) -> list[LoraSource]:
    sources = []
    for named in profile.loras:
        lora = catalogue.loras[named.name]
        weight = lora.weight if named.weight is None else named.weight
        sources.append(lora_source(lora, weight, entry, _lora_folder(lora)))
    return sources


def _lora_folder(lora: LoraEntry) -> Path | None:
    return None if lora.hub_model is None else local_snapshot(lora.hub_model)


def _requests(
    entry: ModelEntry, clips: int, prompts: Path | None, picture: Path | None
) -> Sequence[SceneRequest]:
    lines = PROMPTS if prompts is None else _lines(prompts)
    inputs = () if picture is None else (_first_frame(picture),)
    family = entry.family
    if family is not None and (missing := family.missing_inputs([one.role for one in inputs])):
        raise _unusable(f"{entry.name} starts from {missing}: a calibration can have a first picture alone")
    if family is not None and (problem := family.unknown_inputs([one.role for one in inputs])):
        raise _unusable(f"{entry.name} {problem}: leave it out")
    defaults = entry.defaults
    return [
        SceneRequest(
            prompt=lines[number % len(lines)],
            negative_prompt=defaults.negative_prompt,
            width=defaults.width,
            height=defaults.height,
            frames=defaults.frames,
            fps=defaults.fps,
            steps=defaults.steps,
            guidance=defaults.guidance,
            seed=SEED + number,
            native_width=entry.native_width or 0,
            native_height=entry.native_height or 0,
            native_frames=entry.native_frames or 0,
            inputs=inputs,
        )
        for number in range(clips)
    ]


def _lines(prompts: Path) -> list[str]:
    try:
        lines = [line.strip() for line in prompts.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise _unusable(f"{prompts} is no UTF-8 text") from error
    if not any(lines):
        raise _unusable(f"{prompts} has no prompt; write one on each line")
    return [line for line in lines if line]


def _first_frame(picture: Path) -> InputFile:
    media_type = mimetypes.guess_type(picture.name)[0] or ""
    if media_type not in ("image/png", "image/jpeg", "image/webp") or not picture.is_file():
        raise _unusable(f"{picture} is no PNG, JPEG or WebP file")
    return InputFile(role=InputRole.FIRST_FRAME, path=picture, media_type=media_type)


def _unusable(problem: str) -> RenderFailed:
    return RenderFailed("CALIBRATION_UNSUITABLE", problem, retryable=False)
