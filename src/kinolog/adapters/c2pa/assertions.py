"""The C2PA manifest of a video: what kinolog states in it. Pure.

Two assertions say what made the video. `c2pa.actions` is for every reader: a trained model created the video, with
which software, and when. `org.kinolog.job` is for kinolog: job, model and the last commit of the job's log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from kinolog.job.rendering.interpolation import Interpolation
from kinolog.job.rendering.profile import StepCache, UsedProfile
from kinolog.job.values import UsedLora, UsedUpscaler
from kinolog.provenance import Provenance
from kinolog.texts import one_line

ACTIONS_LABEL = "c2pa.actions.v2"
JOB_LABEL = "org.kinolog.job"
CREATED_ACTION = "c2pa.created"
GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""The IPTC term for media that a trained model made."""

GENERATOR = "kinolog"
CREATED = {"action": CREATED_ACTION, "digitalSourceType": GENERATED}


def manifest_of(provenance: Provenance) -> dict[str, Any]:
    """Return the definition of the manifest of a video."""
    created = CREATED | {
        "when": provenance.made_at.isoformat(),
        "softwareAgent": {"name": provenance.model, "version": provenance.model_revision or "unknown"},
    }
    job: dict[str, Any] = {
        "job_id": provenance.job_id,
        "model": provenance.model,
        "model_revision": provenance.model_revision,
        "frame_hash": provenance.frame_hash,
        "log_hash": provenance.log_hash,
    }
    if provenance.upscaler is not None:
        job["upscaler"] = asdict(provenance.upscaler)
    if provenance.loras:
        job["loras"] = [asdict(lora) for lora in provenance.loras]
    if provenance.interpolation is not None:
        job["interpolation"] = asdict(provenance.interpolation)
    if provenance.profile is not None:
        job["profile"] = asdict(provenance.profile)
    return {
        "claim_generator_info": [{"name": GENERATOR, "version": provenance.version}],
        "title": f"{provenance.job_id}.mp4",
        "format": "video/mp4",
        "assertions": [
            {"label": ACTIONS_LABEL, "data": {"actions": [created]}},
            {"label": JOB_LABEL, "data": job},
        ],
    }


def provenance_in(manifest: Mapping[str, Any]) -> Provenance | None:
    """Return what a manifest states; None if it is not of kinolog. Its texts are safe to show."""
    data = {assertion.get("label"): assertion.get("data") for assertion in manifest.get("assertions", ())}
    try:
        job, (created, *_) = data[JOB_LABEL], data[ACTIONS_LABEL]["actions"]
        generator = next(info for info in manifest["claim_generator_info"] if info["name"] == GENERATOR)
        return Provenance(
            job_id=_text(job["job_id"]),
            model=_text(job["model"]),
            model_revision=_text(job["model_revision"]),
            version=_text(generator["version"]),
            made_at=datetime.fromisoformat(created["when"]),
            frame_hash=_text(job["frame_hash"]),
            log_hash=_text(job["log_hash"]),
            upscaler=_upscaler(job["upscaler"]) if "upscaler" in job else None,
            loras=tuple(map(_lora, job.get("loras", ()))),
            interpolation=_interpolation(job["interpolation"]) if "interpolation" in job else None,
            profile=_profile(job["profile"]) if "profile" in job else None,
        )
    except (KeyError, TypeError, ValueError, StopIteration):
        return None


def _upscaler(stated: Mapping[str, Any]) -> UsedUpscaler:
    return UsedUpscaler(
        name=_text(stated["name"]),
        scale=int(stated["scale"]),
        sha256=_text(stated["sha256"]),
        licence=_text(stated["licence"]),
    )


def _lora(stated: Mapping[str, Any]) -> UsedLora:
    return UsedLora(
        name=_text(stated["name"]),
        weight=float(stated["weight"]),
        sha256=_text(stated["sha256"]),
        licence=_text(stated["licence"]),
    )


def _profile(stated: Mapping[str, Any]) -> UsedProfile:
    cache = stated.get("cache")
    return UsedProfile(
        name=_text(stated["name"]),
        cache=None if cache is None else _cache(cache),
        calibration=_text(stated["calibration"]),
        psnr_db=float(stated["psnr_db"]),
        ssim=float(stated["ssim"]),
        speed=float(stated["speed"]),
        **{
            name: int(stated[name]) for name in ("clips", "width", "height", "frames", "steps", "exact_steps")
        },
    )


def _cache(stated: Mapping[str, Any]) -> StepCache:
    return StepCache(
        kind=_text(stated["kind"]),
        threshold=float(stated["threshold"]),
        **{name: int(stated[name]) for name in ("interval", "full_steps", "order")},
    )


def _interpolation(stated: Mapping[str, Any]) -> Interpolation:
    return Interpolation(
        filter=_text(stated["filter"]), drawn_fps=int(stated["drawn_fps"]), fps=int(stated["fps"])
    )


def _text(value: object) -> str:
    """Return a text of at most 200 characters that cannot drive a terminal. Raises `TypeError` for another value."""
    if not isinstance(value, str):
        raise TypeError("a text is expected")
    return one_line(value)[:200]
