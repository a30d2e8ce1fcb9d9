"""Certificates of erasure."""

from __future__ import annotations

from datetime import datetime

from kinolog_client.models.base import ClientModel


class ErasureInfo(ClientModel):
    """What a certificate states: jobs of one erasure, signed under a head of the tree.

    `problem` says what is wrong with one of a list that was changed, which has nothing else but its number.
    """

    number: int
    erasure_id: str
    actor: str
    first_erased_at: datetime | None
    last_erased_at: datetime | None
    jobs: int
    files: int
    issued_at: datetime | None
    head_number: int
    tree_size: int
    key_id: str
    key: str
    problem: str = ""


class ErasureCertificateInfo(ErasureInfo):
    """A certificate with its signed text, in the format of C2SP signed-note."""

    note: str


class ErasureListInfo(ClientModel):
    """Certificates, oldest first. `next_after` reads those that follow; None if there is none."""

    certificates: tuple[ErasureInfo, ...]
    next_after: int | None = None
