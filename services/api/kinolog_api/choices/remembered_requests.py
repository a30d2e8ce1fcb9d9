"""By what the plan of a request is remembered: its fields but for prompt, request id and seed. Pure."""

from __future__ import annotations

from kinolog.texts import is_blank
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.rpc.validation import other_fields

MAX_BYTES = 1_000
ONE_SHOT = frozenset({pb.SHOTS_UNSPECIFIED, pb.SHOTS_ONE})


def remembered_by(request: pb.SubmitJobRequest) -> bytes | None:
    """Return the fields that a plan follows from, except for prompt, request id and seed.

    None for a request whose prompt decides more than what is drawn, and for one with other texts of the user: those
    are kept nowhere.
    """
    if request.scenes or request.shots not in ONE_SHOT or is_blank(request.prompt):
        return None
    if request.negative_prompt or request.title or request.webhook:
        return None
    found = other_fields(request).SerializeToString(deterministic=True)
    return found if len(found) <= MAX_BYTES else None
