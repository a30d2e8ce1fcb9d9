"""Calibrations: the figures of profiles, stored under the hash of all that they depend on.

They are files in the folder of this user for what can be computed again. Another revision of the model, version of a
library, kind of hardware or setting has another hash, and no figures until the profile is calibrated again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from kinolog.durable_files import make_folder, rename_durably
from kinolog.job.rendering.profile import StepCache, UsedProfile
from kinolog.models.memory.placement import LOSSY
from kinolog_worker.renderers.cache_folder import cache_folder
from kinolog_worker.renderers.renderer import LoadedFacts

_FIGURES = ("psnr_db", "ssim", "speed", "clips", "width", "height", "frames", "steps", "exact_steps")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSettings:
    """What a profile makes of the settings of a job."""

    steps: int
    guidance: float
    sigmas: tuple[float, ...] = ()
    flow_shift: float = 0.0
    cache: StepCache | None = None


def lossy_weights(facts: LoadedFacts) -> str:
    """Return the placement of a model whose weights were changed to have fewer bits; empty for its own weights."""
    weights = facts.placement.partition(",")[0]
    return weights if weights in LOSSY else ""


def conditions_of(settings: ProfileSettings, facts: LoadedFacts) -> Mapping[str, Any]:
    """Return what the figures of a profile depend on. The LoRAs of the facts are those of the job."""
    return {
        "settings": asdict(settings),
        "loras": [asdict(lora) for lora in facts.loras],
        "model": facts.revision,
        "options": dict(facts.options),
        "dtype": facts.dtype,
        "weights": lossy_weights(facts),
        "scheduler": facts.scheduler,
        "libraries": dict(facts.libraries),
        "hardware": facts.hardware,
    }


def calibration_of(settings: ProfileSettings, facts: LoadedFacts) -> str:
    """Return the SHA-256 of what the figures of a profile depend on."""
    return sha256(json.dumps(conditions_of(settings, facts), sort_keys=True).encode()).hexdigest()


def used_profile(name: str, settings: ProfileSettings, facts: LoadedFacts) -> UsedProfile:
    """Return the profile of a job, with its figures if there are some for exactly these settings and facts."""
    profile = UsedProfile(name=name, cache=settings.cache)
    digest = calibration_of(settings, facts)
    try:
        figures = json.loads(_file(digest).read_text(encoding="utf-8"))["figures"]
        return replace(profile, calibration=digest, **{name: figures[name] for name in _FIGURES})
    except (FileNotFoundError, RuntimeError):  # not calibrated, or a user without a home
        return profile
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("the calibration %s cannot be read: %s", digest[:12], error)
        return profile


def store_calibration(profile: UsedProfile, settings: ProfileSettings, facts: LoadedFacts) -> UsedProfile:
    """Store the figures of a profile. Return it with the hash that they are found by. Raises OSError."""
    digest = calibration_of(settings, facts)
    file = _file(digest)
    make_folder(file.parent)
    figures = {name: getattr(profile, name) for name in _FIGURES}
    content = {"profile": profile.name, "figures": figures, "conditions": conditions_of(settings, facts)}
    draft = file.with_suffix(".part")
    draft.write_text(json.dumps(content, indent=1), encoding="utf-8")
    rename_durably(draft, file)
    return replace(profile, calibration=digest)


def _file(digest: str) -> Path:
    return cache_folder() / "calibrations" / f"{digest}.json"
