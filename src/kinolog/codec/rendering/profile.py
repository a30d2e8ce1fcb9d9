"""Convert step caches and used profiles to and from their proto messages."""

from __future__ import annotations

from dataclasses import fields

from kinolog.job.rendering.profile import StepCache, UsedProfile
from kinolog.v1 import job_pb2 as pb

_CACHE_FIELDS = tuple(field.name for field in fields(StepCache))
_PROFILE_FIELDS = tuple(field.name for field in fields(UsedProfile) if field.name != "cache")
"""They have the same names and values in proto messages."""


def cache_to_proto(value: StepCache | None) -> pb.StepCache | None:
    """Return the proto message of a `StepCache`; None for none."""
    if value is None:
        return None
    return pb.StepCache(**{name: getattr(value, name) for name in _CACHE_FIELDS})


def cache_from_proto(wire: pb.StepCache) -> StepCache:
    """Return the `StepCache` in a proto message."""
    return StepCache(**{name: getattr(wire, name) for name in _CACHE_FIELDS})


def profile_to_proto(value: UsedProfile | None) -> pb.UsedProfile | None:
    """Return the proto message of a `UsedProfile`; None for none."""
    if value is None:
        return None
    return pb.UsedProfile(
        cache=cache_to_proto(value.cache), **{name: getattr(value, name) for name in _PROFILE_FIELDS}
    )


def profile_from_proto(wire: pb.UsedProfile) -> UsedProfile:
    """Return the `UsedProfile` in a proto message."""
    return UsedProfile(
        cache=cache_from_proto(wire.cache) if wire.HasField("cache") else None,
        **{name: getattr(wire, name) for name in _PROFILE_FIELDS},
    )
