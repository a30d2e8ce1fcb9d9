"""What a job of a batch cannot have."""

from __future__ import annotations

from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.prompts.written_scenes import wants_writer
from kinolog_api.rpc.errors import RequestViolation, invalid_argument


def check_batched(request: pb.SubmitJobRequest) -> None:
    """Raise INVALID_ARGUMENT for a job that must be submitted by itself."""
    wrong = []
    if wants_writer(request):
        problem = "a batch does not wait for a language model: submit a job whose prompts are written by one by itself"
        wrong.append(RequestViolation("shots", problem))
    if request.variants > 1:
        problem = "a batch has one result for each request: submit a job with variants by itself"
        wrong.append(RequestViolation("variants", problem))
    if wrong:
        raise invalid_argument(wrong)
