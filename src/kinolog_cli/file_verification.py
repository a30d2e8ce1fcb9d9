"""`kinolog verify FILE`: what made a file, and whether it is intact, from the file alone and against the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import file_digest
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from kinolog.job.rendering.interpolation import Interpolation
from kinolog.job.rendering.profile import UsedProfile
from kinolog.job.values import UsedUpscaler
from kinolog.provenance import Provenance
from kinolog_cli.context import CliContext
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.output.columns import print_details
from kinolog_cli.output.formats import profile_figures, utc_time
from kinolog_client import GatewayError, HistoryInfo, NotFound, UsedProfileInfo
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.settings import StackSettings

if TYPE_CHECKING:
    from kinolog.adapters.c2pa.reader import SignedFile


@dataclass(frozen=True, slots=True)
class FileInLog:
    """Whether the log agrees with what a file states. `agrees` is None if it could not be compared."""

    agrees: bool | None
    detail: str


def verify_file(context: CliContext, path: Path, roots: Sequence[Path]) -> ExitCode:
    """Print what made a file and whether it is intact. Raises `CommandFailed` if it cannot be read."""
    try:
        with path.open("rb") as file:
            sha256 = file_digest(file, "sha256").hexdigest()
        found = read_signed(path, roots)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CommandFailed(ExitCode.USAGE, f"cannot read {error.filename or path}: {reason}") from error
    comparison = None if found.provenance is None else _compare(context, found.provenance, sha256)
    intact = found.state in ("trusted", "unknown_signer")
    agrees = comparison is None or comparison.agrees is not False
    if context.as_json:
        _print_json(context, path, sha256, found, comparison)
    else:
        _print_text(context, path, sha256, found, comparison)
    return ExitCode.OK if intact and agrees else ExitCode.FAILED


def read_signed(path: Path, roots: Sequence[Path]) -> SignedFile:
    """Return what the manifest of a file states. Raises `CommandFailed` for a root that is none, `OSError`."""
    return _read(path, [_certificate_in(root) for root in [*roots, *_own_root()]])


def can_read_manifests() -> bool:
    """Return whether the library of C2PA is installed."""
    return find_spec("c2pa") is not None


def compare(history: HistoryInfo, provenance: Provenance, sha256: str) -> FileInLog:
    """Return whether a job's history holds the commit that a file names, and completed with this file."""
    commit = next((c for c in history.commits if c.hash == provenance.log_hash), None)
    if commit is None:
        return FileInLog(False, "the job's history does not hold the commit that the file names")
    made = {
        artifact.get("sha256")
        for later in history.commits
        for event in later.events
        if event.type == "completed"
        for artifact in event.data.get("artifacts", ())
    }
    if sha256 not in made:
        return FileInLog(False, "the job did not complete with this file: its bytes differ")
    return FileInLog(
        True,
        f"the job's history holds the commit that the file names, at position {commit.position}, and the job completed "
        "with this file",
    )


def _compare(context: CliContext, provenance: Provenance, sha256: str) -> FileInLog:
    at = f"the log at {context.url}"
    try:
        with context.client() as client:
            history = client.history(provenance.job_id)
    except NotFound:
        return FileInLog(None, f"{at} has no such job: it was made elsewhere, or belongs to another tenant")
    except GatewayError as error:
        return FileInLog(None, f"not compared with the log: {error}")
    found = compare(history, provenance, sha256)
    return FileInLog(found.agrees, f"{at}: {found.detail}")


def _read(path: Path, roots: Sequence[str]) -> SignedFile:
    try:
        from kinolog.adapters.c2pa.reader import read_signed_file  # its library is optional and large
    except ImportError as error:
        text = "C2PA manifests cannot be read here; install it with: pip install 'kinolog[provenance]'"
        raise CommandFailed(ExitCode.USAGE, text) from error
    return read_signed_file(path, roots)


def _certificate_in(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except UnicodeDecodeError as error:
        raise CommandFailed(ExitCode.USAGE, f"cannot read {path}: it is not a certificate in PEM") from error


def _own_root() -> Iterable[Path]:
    """Yield the root of the stack on this machine, if there is one that this user may read."""
    root = DataFolder(StackSettings().data).signing_chain / "root.pem"
    try:
        root.read_bytes()
    except OSError:
        return
    yield root


def _print_json(
    context: CliContext, path: Path, sha256: str, found: SignedFile, comparison: FileInLog | None
) -> None:
    provenance = found.provenance
    stated = None if provenance is None else asdict(provenance) | {"made_at": provenance.made_at.isoformat()}
    context.print_json(
        {
            "file": str(path),
            "sha256": sha256,
            "state": found.state.value,
            "failures": list(found.failures),
            "generator": found.generator or None,
            "signer": found.signer or None,
            "provenance": stated,
            "log": None if comparison is None else asdict(comparison),
        }
    )


def _print_text(
    context: CliContext, path: Path, sha256: str, found: SignedFile, comparison: FileInLog | None
) -> None:
    context.out.print(_verdict(path, found))
    if found.state == "unsigned":
        context.out.print(
            f"Its SHA-256 is {sha256}; `kinolog show JOB` prints that of a job's video.", soft_wrap=True
        )
        return
    stated = "says made by" if found.state == "invalid" else "made by"
    pairs = [(stated, found.generator), ("signed by", _signer(found))]
    if (provenance := found.provenance) is not None:
        revision = f" (revision {provenance.model_revision})" if provenance.model_revision else ""
        frames = "frames" if provenance.interpolation else "every frame"
        pairs = [
            (stated, f"{found.generator}; the model {provenance.model}{revision} generated {frames}"),
            ("at", utc_time(provenance.made_at)),
            ("enlarged by", _upscaler(provenance.upscaler)),
            *(
                (f"LoRA {lora.name}", f"weight {lora.weight:g}, sha256 {lora.sha256}, {lora.licence}")
                for lora in provenance.loras
            ),
            ("between", _interpolation(provenance.interpolation)),
            ("profile", _profile(provenance.profile)),
            ("job", provenance.job_id),
            ("built on", f"the commit {provenance.log_hash} of the job's log"),
            ("signed by", _signer(found)),
        ]
    if comparison is not None:
        pairs.append(("log", comparison.detail))
    print_details(context.out, pairs)


def _upscaler(used: UsedUpscaler | None) -> str:
    """Return what enlarged the frames, in words; empty for nothing."""
    return "" if used is None else f"{used.name}, {used.scale} times ({used.licence}, SHA-256 {used.sha256})"


def _profile(used: UsedProfile | None) -> str:
    """Return the profile, and how its clips compare with those of exact, in words; empty for exact."""
    if used is None:
        return ""
    cache = f", {used.cache}" if used.cache is not None else ""
    return f"{used.name}{cache}: {profile_figures(UsedProfileInfo.model_validate(asdict(used)))}"


def _interpolation(computed: Interpolation | None) -> str:
    """Return what computed frames between the generated ones, in words; empty for nothing."""
    if computed is None:
        return ""
    return f"frames of {computed.filter}, from {computed.drawn_fps} to {computed.fps} per second"


def _verdict(path: Path, found: SignedFile) -> Text:
    match found.state:
        case "trusted" | "unknown_signer":
            text, style = "is intact: nothing has changed since it was signed", "bold green"
        case "unsigned":
            text, style = "has no C2PA manifest: nothing in it says what made it", "bold yellow"
        case _:
            text, style = f"is not intact: {'; '.join(found.failures)}", "bold red"
    return Text(f"{path} {text}", style=style)


def _signer(found: SignedFile) -> str:
    match found.state:
        case "trusted":
            return f"{found.signer}, whose root you trust"
        case "unknown_signer":
            return f"{found.signer}, unknown here: anybody can sign under this name; --trust names a root certificate"
        case _:
            return found.signer
