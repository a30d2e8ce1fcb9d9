"""The videos of a bundle: what their C2PA manifests state, and whether the commits agree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from kinolog.bundle.archive import content_of
from kinolog.bundle.contents import FILES, BundleInvalid
from kinolog.bundle.verification import BundleReport
from kinolog.counts import counted
from kinolog_cli.file_verification import can_read_manifests, read_signed


def check_signed_videos(file: BinaryIO, report: BundleReport, roots: Sequence[Path]) -> None:
    """Check the manifests of the videos of a bundle. Raises `BundleInvalid` for one that does not hold, `OSError`."""
    videos = [
        each for name, each in report.members.items() if name.startswith(FILES) and name.endswith(".mp4")
    ]
    if not videos:
        return
    if not can_read_manifests():
        report.unproved.append(
            "what C2PA manifests state: pip install 'kinolog[provenance]' to read them here"
        )
        return
    signers, unsigned = set(), 0
    with TemporaryDirectory(prefix="kinolog-bundle-") as folder:
        for member in videos:
            path = Path(folder, "video.mp4")
            with path.open("wb") as copy:
                for chunk in content_of(file, member):
                    copy.write(chunk)
            found = read_signed(path, roots)
            if found.state == "unsigned":
                unsigned += 1
                continue
            if found.state == "invalid":
                raise BundleInvalid(
                    f"{member.name}: its C2PA manifest does not hold: {'; '.join(found.failures)}"
                )
            stated = found.provenance
            is_whole = report.manifest.selection.has_whole_jobs
            if (
                stated is not None
                and is_whole
                and (stated.job_id, stated.log_hash) not in report.commit_hashes
            ):
                raise BundleInvalid(
                    f"{member.name}: its C2PA manifest names a commit that is not in the bundle"
                )
            signers.add(
                f"{found.signer}{'' if found.state == 'trusted' else ', whose root you did not name'}"
            )
    if signers:
        report.proved.append(
            f"C2PA: the manifest holds, of {counted(len(videos) - unsigned, 'video')}; signed by "
            f"{'; '.join(sorted(signers))}"
        )
    if unsigned:
        report.unproved.append(f"what made {counted(unsigned, 'video')} without a C2PA manifest")
