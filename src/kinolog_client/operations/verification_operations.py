"""Operations about comparisons of everything that is stored, for operators. Pure."""

from __future__ import annotations

from kinolog_client.http.operation import API_PREFIX, Operation, model_of
from kinolog_client.models.audit.verifications import VerificationInfo, VerificationListInfo

_ROUTE = f"{API_PREFIX}/audit/verifications"


def start_verification(*, files: str = "none") -> Operation[VerificationInfo]:
    """Start a comparison of everything, which goes on by itself; `files` is none, sizes or hashes.

    One goes on at a time: raises `Conflict` while another one does.
    """
    return Operation(
        method="POST",
        route=_ROUTE,
        body={"files": files},
        read=model_of(VerificationInfo),
        repeatable=False,
    )


def cancel_verification(verification_id: str) -> Operation[VerificationInfo]:
    """Cancel a comparison. Raises `Conflict` if it had ended before, and `NotFound`."""
    return Operation(
        method="POST",
        route=f"{_ROUTE}/{{verification_id}}/cancel",
        path_values={"verification_id": verification_id},
        read=model_of(VerificationInfo),
    )


def verification(verification_id: str) -> Operation[VerificationInfo]:
    """Return a comparison: its result, or how far it is. Raises `NotFound`."""
    return Operation(
        method="GET",
        route=f"{_ROUTE}/{{verification_id}}",
        path_values={"verification_id": verification_id},
        read=model_of(VerificationInfo),
    )


def verifications(*, after: str = "", limit: int = 100) -> Operation[VerificationListInfo]:
    """Return 1 to 100 comparisons after that with an id, newest first."""
    params = {"limit": str(limit)} | ({"after": after} if after else {})
    return Operation(method="GET", route=_ROUTE, params=params, read=model_of(VerificationListInfo))
