"""The metrics that every process has: its use of the machine, its writes to the log, and its tasks."""

from __future__ import annotations

import os
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path

from kinolog.process.metrics.histogram import APPEND_SECONDS
from kinolog.process.probe import Metric
from kinolog.process.tasks import TaskCounts

_STARTED_AT = time.time()


def process_metrics() -> list[Metric]:
    """Return the metrics that every process has. Those that only Linux tells are left out elsewhere."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = [
        Metric(
            name="kinolog_abandoned_tasks_total",
            value=TaskCounts.abandoned,
            help="Tasks that did not end when they were cancelled.",
            kind="counter",
        ),
        Metric(
            name="process_cpu_seconds_total",
            value=used.ru_utime + used.ru_stime,
            help="Processor time of this process, without its children.",
            kind="counter",
        ),
        Metric(
            name="process_start_time_seconds",
            value=_STARTED_AT,
            help="When this process started, in seconds since 1970.",
        ),
    ]
    if sys.platform == "linux":
        with suppress(OSError, ValueError):
            resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
            files = len(os.listdir("/proc/self/fd"))
            found += [
                Metric(
                    name="process_resident_memory_bytes",
                    value=resident * os.sysconf("SC_PAGE_SIZE"),
                    help="Memory of this process that is in use.",
                ),
                Metric(name="process_open_fds", value=files, help="Files and connections that are open."),
            ]
    return [*found, *APPEND_SECONDS.metrics()]
