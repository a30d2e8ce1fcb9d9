"""The table of families in docs/models.md: `python -m kinolog.models.family_page docs/models.md` writes it again."""

from __future__ import annotations

import sys
from pathlib import Path

from kinolog.counts import counted
from kinolog.models.families import Family, families

START, END = "<!-- families: written by kinolog.models.family_page -->\n", "<!-- end of families -->\n"
_HEAD = (
    "| class of diffusers | models | starts from | goes on from | frames | native video | state |\n"
    + "| --- " * 7
    + "|\n"
)


def family_table() -> str:
    """Return the table, those that work first."""
    rows = sorted(families().values(), key=lambda family: bool(family.unusable))
    return _HEAD + "".join(map(_row, rows))


def with_table(page: str) -> str:
    """Return the page with the table of today between its marks. Raises ValueError if a mark is missing."""
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"the page has no {START.strip()} or no {END.strip()}")
    return f"{before}{START}{family_table()}{END}{after}"


def _row(family: Family) -> str:
    native = family.native
    video = f"{native.width}x{native.height}, {native.frames} at {native.fps} fps" if native else ""
    rule = str(family.frames) if native else ""
    limit = f", at most {family.longest}" if native and family.most_frames else ""
    columns = (
        family.pipeline,
        family.title,
        _inputs(family),
        _end(family),
        f"{rule}{limit}",
        video,
        _state(family),
    )
    return f"| {' | '.join(columns)} |\n"


def _end(family: Family) -> str:
    """Return what the next scene of a chained job goes on from."""
    frames = 0 if family.unusable else family.chain_frames
    return f"the last {counted(frames, 'frame') if frames > 1 else 'frame'}" if frames else ""


def _inputs(family: Family) -> str:
    """Return what a job for the family has: text, the inputs that it needs, and those that it may have."""
    if family.unusable:
        return ""
    needed = [["text"]] if family.prompt else []
    optional: list[list[str]] = []
    for role, taken in family.inputs.items():
        noun = role.noun if taken.most == 1 else f"up to {counted(taken.most, role.noun)}"
        groups = optional if taken.optional else needed
        if role in family.alternatives[1:]:
            groups[-1].append(noun)
        else:
            groups.append([noun])
    words, more = (", ".join(" or ".join(group) for group in groups) for groups in (needed, optional))
    return f"{words}; {more} if given" if more else words


def _state(family: Family) -> str:
    if family.unusable:
        return f"no: {family.unusable}"
    notes = []
    if family.audio:
        notes.append("with sound")
    if not family.negative_prompt:
        notes.append("no negative prompt")
    if family.packages:
        notes.append(f"with kinolog[{family.packages[0].extra}]")
    if family.caches:
        notes.append(f"step caches {', '.join(family.caches)}")
    if family.note:
        notes.append(family.note)
    return ", ".join(["works", *notes])


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(with_table(target.read_text(encoding="utf-8")), encoding="utf-8")
