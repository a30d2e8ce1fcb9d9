"""Certificates of erasure: signed texts that state which jobs were erased, by whom, and under which head of the tree.

The text is a line with the format and a JSON object. It is signed like a head, as a C2SP signed-note. For each job it
has the hash of the commit that records the finished erasure, and one proof that all of these are in the tree of a
signed head. See decision 143.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kinolog.merkle.hashes import HASH_BYTES
from kinolog.merkle.proofs import InvalidProof
from kinolog.merkle.signed_note import InvalidNote, NoteKey, signed_note, verified_text
from kinolog.merkle.subset_proof import subset_root

FORMAT = "kinolog-erasure/1"
DELETED = ("keys", "files", "progress", "texts and addresses in the database")
"""What a certificate states to be deleted."""
MAX_JOBS = 1_000
"""Jobs of one certificate. More jobs are several certificates of one erasure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifiedJob:
    """An erased job. Its last commit, at `position`, records what was deleted; `leaf` is the hash of that commit."""

    job_id: str
    erased_at: datetime
    erased_position: int
    position: int
    leaf: bytes
    files: int
    sha256: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureCertificate:
    """What a certificate states. The jobs are in the order of their positions; `proof` is that of their leaves."""

    number: int
    log: str
    erasure_id: str
    tenant: str
    actor: str
    issued_at: datetime
    head_number: int
    tree_size: int
    root: bytes
    jobs: tuple[CertifiedJob, ...]
    proof: tuple[bytes, ...]

    @property
    def first_erased_at(self) -> datetime:
        """When the first of its jobs was erased."""
        return min(job.erased_at for job in self.jobs)

    @property
    def last_erased_at(self) -> datetime:
        """When the last of its jobs was erased."""
        return max(job.erased_at for job in self.jobs)

    @property
    def files(self) -> int:
        """The number of the deleted files."""
        return sum(job.files for job in self.jobs)

    @property
    def text(self) -> str:
        """What is signed."""
        facts = {
            "log": self.log,
            "certificate": self.number,
            "erasure": self.erasure_id,
            "tenant": self.tenant,
            "actor": self.actor,
            "issued_at": _time(self.issued_at),
            "deleted": list(DELETED),
            "head": {"number": self.head_number, "size": self.tree_size, "root": self.root.hex()},
            "jobs": [_job_facts(job) for job in self.jobs],
            "proof": [hashed.hex() for hashed in self.proof],
        }
        return f"{FORMAT}\n{json.dumps(facts, indent=1)}\n"

    @classmethod
    def of(cls, text: str) -> ErasureCertificate:
        """Return the certificate that a text states. Raises `InvalidNote`."""
        first, _, rest = text.partition("\n")
        if first != FORMAT:
            raise InvalidNote(f"this is no certificate of erasure: it does not begin with {FORMAT}")
        try:
            stated = cls._of(json.loads(rest))
            is_whole = bool(stated.jobs) and stated.text == text
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise InvalidNote(f"this is no certificate of erasure: {error!r}") from error
        if not is_whole:
            raise InvalidNote("this is no certificate of erasure in its one form")
        return stated

    @classmethod
    def _of(cls, facts: dict[str, Any]) -> ErasureCertificate:
        head = facts["head"]
        return cls(
            number=int(facts["certificate"]),
            log=str(facts["log"]),
            erasure_id=str(facts["erasure"]),
            tenant=str(facts["tenant"]),
            actor=str(facts["actor"]),
            issued_at=datetime.fromisoformat(facts["issued_at"]),
            head_number=int(head["number"]),
            tree_size=int(head["size"]),
            root=_hash(head["root"]),
            jobs=tuple(map(_job_of, facts["jobs"])),
            proof=tuple(map(_hash, facts["proof"])),
        )

    def signed(self, keys: Iterable[Ed25519PrivateKey]) -> str:
        """Return the certificate as a note, signed with keys under the name of the log."""
        return signed_note(self.text, self.log, keys)

    def check_proof(self) -> None:
        """Check that its jobs are in the tree that it names. Raises `InvalidProof`."""
        leaves = [(job.position - 1, job.leaf) for job in self.jobs]
        if subset_root(leaves, self.proof, self.tree_size) != self.root:
            raise InvalidProof("the commits of its jobs are not in the tree of the head that it names")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCertificate:
    """A certificate as it is stored: its number, the note with the signature, and the key that it names."""

    number: int
    key: NoteKey
    note: str

    @property
    def certificate(self) -> ErasureCertificate:
        """What was signed. Raises `InvalidNote` if the key did not sign it, or its proof does not hold."""
        stated = checked_certificate(self.note, self.key)
        if stated.number != self.number:
            raise InvalidNote(f"certificate {self.number} states that it is certificate {stated.number}")
        return stated


def checked_certificate(note: str, key: NoteKey) -> ErasureCertificate:
    """Return the certificate in a note that this key signed, with a proof that holds. Raises `InvalidNote`."""
    stated = ErasureCertificate.of(note.rpartition("\n\n")[0] + "\n")
    verified_text(note, stated.log, key)
    try:
        stated.check_proof()
    except InvalidProof as error:
        raise InvalidNote(str(error)) from error
    return stated


def _job_facts(job: CertifiedJob) -> dict[str, object]:
    return {
        "job": job.job_id,
        "erased_at": _time(job.erased_at),
        "erased_position": job.erased_position,
        "position": job.position,
        "leaf": job.leaf.hex(),
        "files": job.files,
        "sha256": list(job.sha256),
    }


def _job_of(facts: dict[str, Any]) -> CertifiedJob:
    return CertifiedJob(
        job_id=str(facts["job"]),
        erased_at=datetime.fromisoformat(facts["erased_at"]),
        erased_position=int(facts["erased_position"]),
        position=int(facts["position"]),
        leaf=_hash(facts["leaf"]),
        files=int(facts["files"]),
        sha256=tuple(map(str, _listed(facts["sha256"]))),
    )


def _listed(value: Collection[str]) -> Collection[str]:
    if not isinstance(value, list):
        raise TypeError("hashes of files are no list")
    return value


def _hash(text: str) -> bytes:
    hashed = bytes.fromhex(text)
    if len(hashed) != HASH_BYTES:
        raise ValueError("a hash has another length")
    return hashed


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
