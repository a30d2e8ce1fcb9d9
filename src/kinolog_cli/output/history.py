"""A job's history as lines: every event, or the outline of a demonstration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kinolog.counts import counted
from kinolog_cli.output.columns import print_columns
from kinolog_cli.output.formats import duration, local_time, profile_figures, step_cache
from kinolog_client import CommitInfo, EventInfo, StepCacheInfo, UsedProfileInfo

WIDE = 120
"""Columns from which on who did something has a column of its own."""
_UNSAID = frozenset({"tenant", "actor", "worker", "key_id", "body_hash", "attempt"})
"""Facts that another column or another line has, or that nobody reads."""


def print_history(console: Console, commits: Sequence[CommitInfo]) -> None:
    """Print a job's events, one per line, with their time and the position of their commit.

    A narrow terminal shows the day where it changes, and the actor where it changes.
    """
    wide = not console.is_terminal or console.width >= WIDE
    headings = ("position", "time", "event", "by", "what") if wide else ("position", "time", "event", "what")
    print_columns(console, headings, _rows(commits, wide), fold=True)


def _rows(commits: Sequence[CommitInfo], wide: bool) -> Iterator[tuple[str | Text, ...]]:
    day = actor = ""
    for commit in commits:
        for event in commit.events:
            at = event.at or commit.at
            what = _summary(event)
            time = local_time(at, "%H:%M:%S.%f")[:-3]
            if wide:
                yield (
                    str(commit.position),
                    f"{local_time(at, '%Y-%m-%d')} {time}",
                    event.type,
                    commit.actor,
                    Text(what, style="dim"),
                )
                continue
            if commit.actor != actor:
                actor = commit.actor
                what = f"{what}, by {actor}" if what else f"by {actor}"
            if local_time(at, "%Y-%m-%d") != day:
                day = local_time(at, "%Y-%m-%d")
                what = f"{day}: {what}" if what else day
            yield str(commit.position), time, event.type, Text(what, style="dim")


def _summary(event: EventInfo) -> str:
    """Return the short facts of an event, without what is nested deep."""
    data = event.data
    scene = f" of scene {data['scene'] + 1}" if isinstance(data.get("scene"), int) else ""
    match event.type:
        case "submitted":
            return _submitted(data)
        case "stage_started":
            return f"{data.get('stage')}{scene}"
        case "stage_finished":
            return f"{data.get('stage')}{scene}, {duration(data.get('seconds'))}"
        case "checkpoint_stored":
            return f"step {data.get('step')}{scene}"
        case "attempt_started":
            return f"attempt {data.get('attempt')} by {data.get('worker')}, {data.get('hardware')}"
        case "runtime_recorded":
            known = ("device", "dtype", "scheduler", "placement", "placement_reason", "model_revision")
            facts = [str(data[name]) for name in known if data.get(name)]
            return ", ".join([*facts, *map(_lora, data.get("loras") or ()), *_profile(data)])
    return ", ".join(_facts(data))


def _submitted(data: dict[str, Any]) -> str:
    spec = data.get("spec") or {}
    facts = [
        spec.get("model", ""),
        f"{spec.get('width')}x{spec.get('height')}",
        f"{counted(spec.get('frames', 0), 'frame')} at {spec.get('fps')} per second",
        counted(spec.get("steps", 0), "step"),
        f"guidance {spec.get('guidance', 0):g}",
        f"seed {spec.get('seed')}",
        f"style {spec['style']}" if spec.get("style") else "",
        f"enlarged by {spec['upscaler']}" if spec.get("upscaler") else "",
        f"profile {spec['profile']}" if spec.get("profile") else "",
        step_cache(StepCacheInfo.model_validate(spec["cache"])) if spec.get("cache") else "",
        *map(_lora, spec.get("loras") or ()),
        f"interpolated to {spec['interpolate_fps']} fps" if spec.get("interpolate_fps") else "",
        f"prompts written by {spec['prompt_writer']}" if spec.get("prompt_writer") else "",
        str(spec.get("prompt_writer_trouble") or ""),
    ]
    return ", ".join([*filter(None, facts), *_facts({k: v for k, v in data.items() if k != "spec"})])


def _lora(data: dict[str, Any]) -> str:
    content = f", sha256 {data['sha256'][:12]}, {data.get('licence')}" if data.get("sha256") else ""
    return f"LoRA {data.get('name')} with weight {data.get('weight', 0):g}{content}"


def _profile(data: dict[str, Any]) -> Iterator[str]:
    if data.get("profile"):
        used = UsedProfileInfo.model_validate(data["profile"])
        yield f"profile {used.name}: {profile_figures(used)}"


def _facts(data: dict[str, Any]) -> Iterator[str]:
    for name, value in data.items():
        words = name.replace("_", " ")
        if name in _UNSAID or value in (None, "", [], {}):
            continue
        if name == "scene":
            yield f"scene {value + 1}"
        elif isinstance(value, list):
            yield f"{len(value)} {words if len(value) != 1 else words.removesuffix('s')}"
        elif isinstance(value, dict):
            if short := value.get("code") or value.get("sha256", "")[:12]:
                yield f"{words} {short}"
        elif isinstance(value, float):
            yield f"{words} {value:.4g}"
        elif len(str(value)) <= 60:
            yield f"{words} {value}"


def history_outline(commits: Iterable[CommitInfo]) -> Table:
    """Return a job's history in a few lines, with the time that each stage took."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for commit in commits:
        texts = [text for event in commit.events if (text := _outline(event))]
        if texts:
            time = local_time(commit.at, "%H:%M:%S")
            table.add_row(str(commit.position), time, Text(", ".join(texts)), Text(commit.actor, style="dim"))
    return table


def _outline(event: EventInfo) -> str:
    data = event.data
    match event.type:
        case "stage_started" | "cancel_requested":
            return ""
        case "stage_finished":
            scene = f" {data['scene'] + 1}" if data.get("scene") else ""
            return f"{data['stage']}{scene} {duration(data['seconds'])}"
        case "attempt_started":
            return f"attempt {data['attempt']} started on {data['hardware']}"
        case "runtime_recorded":
            return ", ".join(str(data[name]) for name in ("dtype", "placement") if data.get(name))
        case "attempt_failed":
            return f"attempt {data['attempt']} failed: {data['error']['code']}"
        case name:
            return str(name).replace("_", " ")
