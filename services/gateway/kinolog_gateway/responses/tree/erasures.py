"""Certificates of erasure."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from kinolog.v1 import audit_service_pb2 as audit
from kinolog_gateway.enum_names import time_field
from kinolog_gateway.responses.job_parts import ResponseModel


class ErasureView(ResponseModel):
    """What a certificate of erasure states: jobs of one erasure, signed under a head of the tree."""

    number: int = Field(description="Number of the certificate, from 1.", examples=[3])
    erasure_id: str = Field(
        description="Id of the erasure. A large one has several certificates; empty for one of an earlier version.",
        examples=["abcdefghijklmnopqrstuvwxyz"],
    )
    actor: str = Field(description="Who erased the jobs.", examples=["alice"])
    first_erased_at: datetime | None = Field(description="When the first of its jobs was erased.")
    last_erased_at: datetime | None = Field(description="When the last of its jobs was erased.")
    jobs: int = Field(description="Number of its jobs.", examples=[12])
    files: int = Field(description="Number of the deleted files.", examples=[36])
    issued_at: datetime | None = Field(description="When it was signed.")
    head_number: int = Field(description="The signed head of the tree that has the commits of the erasures.")
    tree_size: int = Field(description="Number of commits in the tree of that head.")
    key_id: str = Field(description="SHA-256 of the public key that signed it.")
    key: str = Field(description="The public Ed25519 key, in hexadecimal.")
    problem: str = Field(
        description="What is wrong with it: it was changed. Then it has nothing else but the number. Empty if it holds."
    )


class ErasureCertificateView(ErasureView):
    """A certificate of erasure with its signed text."""

    note: str = Field(
        description="The signed text, in the format of C2SP signed-note: the jobs, the hashes of their files, the "
        "proof that their commits are in the tree."
    )


class ErasureListView(ResponseModel):
    """Certificates of erasure, oldest first."""

    certificates: list[ErasureView]
    next_after: int | None = Field(
        description="Value of `after` for the certificates that follow; null if there is none."
    )


def erasure_certificate_view(certificate: audit.ErasureCertificate) -> ErasureCertificateView:
    """Return a certificate with its text."""
    return ErasureCertificateView(note=certificate.note, **_erasure_view(certificate).model_dump())


def erasure_list_view(response: audit.ListErasuresResponse) -> ErasureListView:
    """Return a list of certificates."""
    found = [_erasure_view(certificate) for certificate in response.certificates]
    return ErasureListView(certificates=found, next_after=found[-1].number if found else None)


def _erasure_view(certificate: audit.ErasureCertificate) -> ErasureView:
    return ErasureView(
        number=certificate.number,
        erasure_id=certificate.erasure_id,
        actor=certificate.actor,
        first_erased_at=time_field(certificate, "first_erased_at"),
        last_erased_at=time_field(certificate, "last_erased_at"),
        jobs=certificate.jobs,
        files=certificate.files,
        issued_at=time_field(certificate, "issued_at"),
        head_number=certificate.head_number,
        tree_size=certificate.tree_size,
        key_id=certificate.key_id,
        key=certificate.key,
        problem=certificate.problem,
    )
