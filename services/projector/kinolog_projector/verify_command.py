"""The command of the projector's program that compares everything that is stored."""

from __future__ import annotations

import json
import os
import sys
import time

from kinolog.access.verification import FileCheck
from kinolog.adapters.jetstream.read_log import JetStreamReadLog
from kinolog.adapters.obstore.configured_store import configured_artifacts
from kinolog.adapters.obstore.folder_urls import folder_at
from kinolog.counts import counted
from kinolog.ports.artifacts import ArtifactStore
from kinolog.process.main import CannotStart
from kinolog.process.settings import BackupSettings, ProjectorSettings
from kinolog_projector.commands import Command, CommandOptions, Report, naming_damage
from kinolog_projector.log_connection import log_connection
from kinolog_projector.verify.verify_all import VerifiedAll, VerifyAll, VerifyChoices, VerifyProgress

NICENESS = 10
SHOWN_SECONDS = 0.2
"""How often a terminal shows how far the comparison is."""
PRINTED_SECONDS = 1.0
"""How often another process is told."""
BAR_WIDTH = 30


@naming_damage
async def verify_all(settings: ProjectorSettings, options: CommandOptions) -> Report:
    """Compare everything that is stored, while kinolog runs."""
    if options.gently:
        os.nice(NICENESS)
    files = options.files
    artifacts = None if files is FileCheck.NONE else _stored_files(BackupSettings().artifacts_url)
    own = [settings.tree_heads_file] if settings.tree_heads_file and settings.tree_heads_file.exists() else []
    choices = VerifyChoices(
        with_files=files is not FileCheck.NONE,
        read_files=files is FileCheck.HASHES,
        head_files=(*own, *options.heads),
    )
    bar = _ProgressLines() if options.progress else _Bar()
    async with log_connection(settings) as log:
        url = settings.database_url.get_secret_value()
        reads = JetStreamReadLog(log.client)
        log.stack.push_async_callback(reads.close)
        verification = VerifyAll(url, log.raw_log, log.store, log.keys, artifacts, reads)
        found = await verification.run(choices, VerifyProgress(report=bar.show))
    bar.end()
    return Report(_text(found), _facts(found), failed=not found.holds)


def _stored_files(url: str) -> ArtifactStore:
    """Return the store of files. Raises `CannotStart` if it is a folder that does not exist, such as the default."""
    folder = folder_at(url)
    if folder is not None and not folder.is_dir():
        raise CannotStart(
            f"files cannot be compared: there is no folder {folder}; set KINOLOG_ARTIFACTS_URL of the projector to "
            "the store of the api, or compare without files"
        )
    return configured_artifacts(url)


PLURALS = {"batch": "batches"}


def _text(found: VerifiedAll) -> str:
    rate = f", {found.position / found.seconds:,.0f} a second" if found.seconds >= 1 else ""
    lines = [f"compared {counted(found.position, 'commit')} in {found.seconds:.1f} s{rate}"]
    for part in found.parts:
        result = f"differs: {part.difference}" if part.difference else "ok"
        count = counted(part.count, part.unit, PLURALS.get(part.unit, ""))
        lines.append(f"  {part.name:<16} {count:>20}  {result}")
    if found.holds:
        return "\n".join((*lines, "Nothing differs."))
    name, first = found.differences[0]
    return "\n".join((*lines, f"What differs first is in {name}: {first}"))


def _facts(found: VerifiedAll) -> dict[str, object]:
    return {
        "holds": found.holds,
        "position": found.position,
        "seconds": round(found.seconds, 3),
        "differences": [f"{name}: {difference}" for name, difference in found.differences],
        "parts": [
            {
                "name": part.name,
                "count": part.count,
                "unit": part.unit,
                "holds": part.difference is None,
                "position": part.difference.position or None if part.difference else None,
                "job_id": part.difference.job_id or None if part.difference else None,
                "detail": part.difference.text if part.difference else "",
            }
            for part in found.parts
        ],
    }


class _Bar:
    """Shows on a terminal how far a comparison is."""

    def __init__(self) -> None:
        self._shows = sys.stderr.isatty()
        self._shown_at = 0.0

    def show(self, progress: VerifyProgress) -> None:
        """Show it, if it was not shown a moment ago."""
        if not self._shows or time.monotonic() - self._shown_at < SHOWN_SECONDS:
            return
        self._shown_at = time.monotonic()
        share = progress.commits / max(progress.all_commits, 1)
        filled = "█" * round(share * BAR_WIDTH)
        jobs = counted(progress.jobs, "job")
        text = f"\r{filled:·<{BAR_WIDTH}} {share:4.0%} of {counted(progress.all_commits, 'commit')}, {jobs}\x1b[K"
        sys.stderr.write(text)
        sys.stderr.flush()

    def end(self) -> None:
        """Clear the line."""
        if self._shows:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


class _ProgressLines:
    """Prints how far a comparison is, for the process that started this one."""

    def __init__(self) -> None:
        self._printed_at = 0.0

    def show(self, progress: VerifyProgress) -> None:
        """Print it, if it was not printed a moment ago."""
        if time.monotonic() - self._printed_at < PRINTED_SECONDS:
            return
        self._printed_at = time.monotonic()
        facts = {"commits": progress.commits, "all_commits": progress.all_commits, "jobs": progress.jobs}
        sys.stdout.write(json.dumps({"progress": facts}) + "\n")
        sys.stdout.flush()

    def end(self) -> None:
        """Do nothing: the result follows."""


COMMANDS: dict[str, Command] = {"verify-all": verify_all}
