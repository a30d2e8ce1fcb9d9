"""How a process that handles batches lets Python look for garbage."""

from __future__ import annotations

import gc


def collect_garbage_rarely() -> None:
    """Look for garbage seldom. Call it once what stays for good is loaded.

    A batch is hundreds of thousands of small objects that all end together, without cycles; walking them again and
    again while they live takes a quarter of the projector's time.
    """
    gc.freeze()
    gc.set_threshold(50_000, 50, 1_000)
