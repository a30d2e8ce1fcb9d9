"""Values that a process observes, counted by range for Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from kinolog.process.probe import Metric

CALL_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
WORK_SECONDS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0)


class Histogram:
    """Counts observed values by their labels and by ranges, whose upper ends `buckets` are."""

    def __init__(
        self, name: str, text: str, labels: Sequence[str] = (), buckets: Sequence[float] = CALL_SECONDS
    ) -> None:
        self._name = name
        self._text = text
        self._labels = tuple(labels)
        self._buckets = tuple(buckets)
        self._counts: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}

    def observe(self, value: float, *labels: str) -> None:
        """Count a value. `labels` are the values of the labels, in their order."""
        counts = self._counts.get(labels)
        if counts is None:
            if len(labels) != len(self._labels):
                raise ValueError(f"{self._name} has the labels {self._labels}, not {labels}")
            counts = self._counts[labels] = [0] * (len(self._buckets) + 1)
            self._sums[labels] = 0.0
        counts[bisect_left(self._buckets, value)] += 1
        self._sums[labels] += value

    def metrics(self) -> Iterator[Metric]:
        """Yield the samples of all labels."""
        ends = [*(f"{end:g}" for end in self._buckets), "+Inf"]
        for values, counts in self._counts.items():
            labels = dict(zip(self._labels, values, strict=True))
            below = 0
            for end, count in zip(ends, counts, strict=True):
                below += count
                yield self._sample("_bucket", below, labels | {"le": end})
            yield self._sample("_sum", self._sums[values], labels)
            yield self._sample("_count", below, labels)

    def _sample(self, suffix: str, value: float, labels: dict[str, str]) -> Metric:
        return Metric(
            name=f"{self._name}{suffix}",
            family=self._name,
            value=value,
            help=self._text,
            kind="histogram",
            labels=labels,
        )


APPEND_SECONDS = Histogram(
    "kinolog_log_append_seconds",
    "Seconds until a write of this process was on the disk of the log, or failed.",
    ("stream",),
)
"""Of this process."""
