"""Reads the C2PA manifest of a file and checks it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from c2pa import C2paError, Context, Reader, Settings

from kinolog.adapters.c2pa.assertions import provenance_in
from kinolog.provenance import Provenance
from kinolog.texts import one_line

MAX_SHOWN_CHARACTERS = 200
"""Characters of a text of the file that are shown."""


class SignatureState(StrEnum):
    """Whether a file is as it was signed, and whether its signer is known."""

    TRUSTED = "trusted"
    """Unchanged, signed under one of the given roots."""

    UNKNOWN_SIGNER = "unknown_signer"
    """Unchanged, signed by another signer."""

    INVALID = "invalid"
    """Changed, or signed wrongly."""

    UNSIGNED = "unsigned"
    """The file has no C2PA manifest."""


_CHANGED = "the file was changed after it was signed"
_MEANINGS = {
    "assertion.bmffHash.mismatch": _CHANGED,
    "assertion.bmffHash.malformed": _CHANGED,
    "assertion.dataHash.mismatch": _CHANGED,
    "assertion.hashedURI.mismatch": "what the file says about itself was changed after it was signed",
    "assertion.missing": "what the file says about itself was changed after it was signed",
    "claimSignature.mismatch": "the signature does not belong to what it signs",
    "claimSignature.missing": "the signature is missing",
    "signingCredential.expired": "the certificate of the signer has expired",
    "signingCredential.revoked": "the certificate of the signer was revoked",
    "signingCredential.invalid": "the certificate of the signer is not one for signing media",
}
"""Status codes of the C2PA specification in plain words."""

_UNTRUSTED = "signingCredential.untrusted"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedFile:
    """What the C2PA manifest of a file states, and whether the file is intact."""

    state: SignatureState
    failures: tuple[str, ...] = ()
    """Why the state is invalid, in plain words."""

    generator: str = ""
    """The program that made the file, as the file states it."""

    signer: str = ""
    """Name and organization in the signer's certificate."""

    provenance: Provenance | None = None
    """What kinolog states about a video; None for a file of another program."""


def read_signed_file(path: Path, roots: Sequence[str] = ()) -> SignedFile:
    """Read a file and check every byte that its manifest covers. `roots` are root certificates to trust, in PEM.

    Nothing is fetched from the network. Raises `OSError` if the file cannot be read.
    """
    settings = {
        "trust": {"trust_anchors": "\n".join(roots)} if roots else {},
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    }
    try:
        # The file is opened here: the library's own error hides the reason.
        with path.open("rb") as file, Settings.from_dict(settings) as chosen, Context(chosen) as context:
            reader = Reader.try_create(file, context=context)
            if reader is None:
                return SignedFile(state=SignatureState.UNSIGNED)
            with reader:
                return _signed_file(json.loads(reader.json()))
    except C2paError.NotSupported:
        return SignedFile(state=SignatureState.UNSIGNED)
    except (C2paError, ValueError) as error:
        reason = f"its structure is damaged ({_shown(str(error))})"
        return SignedFile(state=SignatureState.INVALID, failures=(reason,))


def _signed_file(report: Mapping[str, Any]) -> SignedFile:
    manifest = report["manifests"][report["active_manifest"]]
    info = manifest.get("signature_info") or {}
    problems = [status for status in report.get("validation_status") or () if status["code"] != _UNTRUSTED]
    generators = manifest.get("claim_generator_info") or [{}]
    return SignedFile(
        state=_state_of(report["validation_state"], problems),
        failures=tuple(dict.fromkeys(map(_meaning, problems))),
        generator=_shown(f"{generators[0].get('name', '')} {generators[0].get('version', '')}"),
        signer=_shown(", ".join(filter(None, (info.get("common_name"), info.get("issuer"))))),
        provenance=provenance_in(manifest),
    )


def _state_of(validation_state: str, problems: Sequence[Mapping[str, Any]]) -> SignatureState:
    if problems or validation_state not in ("Trusted", "Valid"):
        return SignatureState.INVALID
    return SignatureState.TRUSTED if validation_state == "Trusted" else SignatureState.UNKNOWN_SIGNER


def _shown(text: str) -> str:
    """Return a text of the file as it may be shown: a stranger wrote it."""
    return one_line(text)[:MAX_SHOWN_CHARACTERS]


def _meaning(status: Mapping[str, Any]) -> str:
    return _MEANINGS.get(status["code"]) or _shown(str(status.get("explanation") or status["code"]))
