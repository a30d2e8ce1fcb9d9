"""`kinolog analytics`: numbers of a span of time."""

from __future__ import annotations

from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.jobs.selection_options import FromOption, RangeOption, ToOption, time_span
from kinolog_cli.output.columns import print_columns, print_details
from kinolog_cli.output.formats import duration, percent
from kinolog_client import OverviewInfo


@command
def analytics(
    date_range: RangeOption = None,
    start: FromOption = None,
    end: ToOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how jobs ended and how long they took; of the last seven days unless a span is given."""
    context = current_context(as_json)
    span = time_span(date_range, start, end)
    with context.client() as client:
        overview = client.overview(span)
        rates = client.success_rates(span)
        stages = client.stage_times(span)
    if context.as_json:
        context.print_json(
            {
                "overview": overview.to_json(),
                "success_rates": rates.to_json(),
                "stage_times": stages.to_json(),
            }
        )
        return
    print_details(context.out, _overview(overview))
    if rates.rates:
        context.out.print()
        print_columns(
            context.out,
            ("priority", "completed", "failed", "cancelled", "success"),
            [
                (
                    rate.priority,
                    str(rate.completed),
                    str(rate.failed),
                    str(rate.cancelled),
                    percent(rate.rate),
                )
                for rate in rates.rates
            ],
        )
    if stages.stages:
        context.out.print()
        print_columns(
            context.out,
            ("stage", "times", "mean", "median", "95 of 100 within"),
            [
                (
                    stage.stage or "",
                    str(stage.count),
                    f"{stage.mean_seconds:.2f} s",
                    f"{stage.p50_seconds:.2f} s",
                    f"{stage.p95_seconds:.2f} s",
                )
                for stage in stages.stages
            ],
        )


def _overview(overview: OverviewInfo) -> list[tuple[str, str]]:
    return [
        ("submitted", str(overview.submitted)),
        ("completed", str(overview.completed)),
        ("failed", str(overview.failed)),
        ("cancelled", str(overview.cancelled)),
        ("success", percent(overview.success_rate)),
        ("waiting now", str(overview.queued_now)),
        ("running now", str(overview.processing_now)),
        ("time per job", duration(overview.mean_seconds)),
        ("median", duration(overview.p50_seconds)),
        ("95 of 100 within", duration(overview.p95_seconds)),
        ("time in the queue", duration(overview.mean_wait_seconds)),
        ("video made", duration(overview.video_seconds)),
        ("device time", duration(overview.gpu_seconds)),
    ]
