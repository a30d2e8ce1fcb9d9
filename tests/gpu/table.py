"""The results of a check as tables for people: `python -m tests.gpu.table results/check.json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from tests.gpu.report import VERSION

CheckResult: TypeAlias = Mapping[str, Any]
"""One result in the file of a check."""

NOT_RUN = "–"


def tables(check: Mapping[str, Any]) -> str:
    """Return the results in Markdown. Raises `ValueError` for a file of another version."""
    if check.get("version") != VERSION:
        raise ValueError(
            f"the check has version {check.get('version')}; this program reads version {VERSION}"
        )
    stages = {stage["name"]: stage["results"] for stage in check["stages"]}
    parts = (
        _machine(stages.get("environment", ())),
        _readings("denoising step of Wan 2.1 1.3B", stages.get("wan", ()), "step_seconds", "eager"),
        _readings("decode of the clip", stages.get("decode", ()), "seconds", "float32, streamed"),
        _jobs("job of Wan 2.1 1.3B", stages.get("job", ())),
        _placements(stages.get("memory", ())),
        _readings("pass of the denoiser", stages.get("quantised", ()), "pass_seconds", "device"),
        _jobs("family", stages.get("families", ())),
        _jobs("job around a device assertion", stages.get("device_assert", ())),
        _stage_states(check["stages"]),
    )
    return "\n\n".join(part for part in parts if part)


def _machine(results: Iterable[CheckResult]) -> str:
    facts = {result["name"]: result for result in results}
    card = facts.get("device", {}).get("card") or facts.get("machine", {}).get("processor", "unknown")
    versions = facts.get("versions", {})
    listed = ", ".join(
        f"{name} {versions[name]}" for name in ("torch", "diffusers", "transformers") if name in versions
    )
    driver = facts.get("device", {}).get("driver")
    return f"{card}{f', driver {driver}' if driver else ''}; {listed}."


def _readings(what: str, results: Sequence[CheckResult], figure: str, base: str) -> str:
    """Return seconds, speed against the `base`, peak of memory and PSNR of each reading."""
    seconds = {result["name"]: result.get(figure) for result in results}
    rows = [
        (
            result["name"],
            _number(result.get(figure), "s"),
            _ratio(seconds.get(base), result.get(figure)),
            _number(result.get("peak_reserved_gib"), "GiB"),
            _psnr(result),
        )
        for result in results
        if figure in result or result["state"] not in ("ok",)
    ]
    states = {result["name"]: _state(result) for result in results}
    rows = [(name, *(cells if cells[0] != NOT_RUN else (states[name], *cells[1:]))) for name, *cells in rows]
    return _table((what, "time", f"speed against {base}", "peak memory", "PSNR"), rows)


def _placements(results: Sequence[CheckResult]) -> str:
    """Return one row for each placement with a column for each size of a card."""
    cells: dict[str, dict[str, str]] = {}
    for result in results:
        placement, comma, size = result["name"].rpartition(", ")
        if comma:
            cells.setdefault(placement, {})[size] = _placement_cell(result)
    sizes = list(dict.fromkeys(size for row in cells.values() for size in row))
    rows = [(name, *(row.get(size, NOT_RUN) for size in sizes)) for name, row in cells.items()]
    return _table(("placement", *sizes), rows)


def _placement_cell(result: CheckResult) -> str:
    if "rung" in result:
        return f"{result['rung']}: {_number(result['estimated_gib'], 'GiB')}"
    if "step_seconds" in result:
        cell = f"{_number(result['step_seconds'], 's')} a step"
        if "peak_reserved_gib" in result:
            cell += f", {_number(result['peak_reserved_gib'], 'GiB')}"
    elif result["state"] == "ok":
        cell = "fits"
    else:
        cell = result["state"] if result["state"] == "out of memory" else _state(result)
    dtype = result.get("decode_dtype", "float32")
    return cell if dtype == "float32" else f"{cell}, decodes in {dtype}"


def _jobs(what: str, results: Iterable[CheckResult]) -> str:
    rows = [
        (
            result["name"],
            "a clip" if result["state"] == "ok" else _state(result),
            str(result.get("dtype", NOT_RUN)),
            _number(result.get("seconds"), "s"),
            _psnr(result, "psnr_db_to_reference"),
        )
        for result in results
    ]
    return _table((what, "outcome", "dtype", "time", "PSNR to the CPU in float32"), rows)


def _stage_states(stages: Iterable[Mapping[str, Any]]) -> str:
    rows = [(stage["name"], stage["state"], _number(stage.get("seconds"), "s")) for stage in stages]
    return _table(("stage", "state", "time"), rows)


def _state(result: CheckResult) -> str:
    reason = result.get("error") or result.get("reason") or ""
    return f"{result.get('code', result['state'])}: {reason}".removesuffix(": ").replace("|", "/")[:160]


def _psnr(result: CheckResult, figure: str = "psnr_db") -> str:
    if figure not in result:
        return NOT_RUN
    return "equal" if result[figure] is None else f"{result[figure]:.1f} dB"


def _ratio(base: float | None, value: float | None) -> str:
    return f"{base / value:.2f}" if base and value else NOT_RUN


def _number(value: float | None, unit: str) -> str:
    return NOT_RUN if value is None else f"{value:.3g} {unit}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown, or nothing without rows."""
    return "\n".join(_lines(header, rows)) if rows else ""


def _lines(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{' --- |' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    print(tables(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
