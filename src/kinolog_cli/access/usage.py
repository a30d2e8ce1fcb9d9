"""`kinolog usage`: what the tenant of the caller uses and may use."""

from __future__ import annotations

from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.output.columns import print_columns
from kinolog_client import UsageInfo


@command
def usage(as_json: JsonOption = False) -> None:
    """Show what your tenant uses, and what it may use."""
    context = current_context(as_json)
    with context.client() as client:
        info = client.usage()
    if context.as_json:
        context.print_json(info.to_json())
        return
    print_columns(context.out, ("", "used", "limit"), _rows(info))


def _rows(info: UsageInfo) -> list[tuple[str, str, str]]:
    limits = info.limits
    rows = [
        ("jobs in the queue", f"{info.queued_jobs:,}", _number(limits.max_queued_jobs)),
        ("jobs running", f"{info.running_jobs:,}", "-"),
        ("cost of 24 hours", f"{info.cost_of_day:,}", _number(limits.max_cost_per_day)),
        ("bytes of files", f"{info.artifact_bytes:,}", _number(limits.max_artifact_bytes)),
        ("bytes in the log", f"{info.log_bytes:,}", _number(limits.max_log_bytes)),
        ("cost of a job", "", _number(limits.max_job_cost)),
        ("characters of a prompt", "", _number(limits.max_prompt_characters)),
        ("priorities", "", ", ".join(limits.priorities)),
        *([("jobs are kept for", "", limits.keep_jobs)] if limits.keep_jobs else []),
        ("weight in the queue", "", f"{limits.weight:g}"),
    ]
    for name in ("reads", "writes", "uploads", "key_reads", "key_writes", "key_uploads"):
        if rate := getattr(limits, name):
            whose = " of a key" if name.startswith("key_") else ""
            rows.append((f"{name.removeprefix('key_')}{whose}", "", rate))
    return rows


def _number(limit: int | None) -> str:
    return "none" if limit is None else f"{limit:,}"
