"""Everything that needs a GPU, in one run that ends within a budget, on a machine without a network.

    python -m tests.gpu.check --budget 450 --out results --wheels wheels

`results/check.json` is written again after every result, and `results/check.log` has what the stages print. A stage
that fails, crashes or hangs is recorded, and the next one runs. `--device cpu --tiny` rehearses all of it in small.

The machine needs Python 3.11 or newer with torch, transformers and the other packages of `PRESENT_PACKAGES` in
`tests/gpu/installation.py`. What it lacks of `WHEEL_PACKAGES` there (diffusers, av, ftfy and a few more, as
`constraints.txt` pins them) is installed from the wheels in the folder `--wheels` for the time of the check. So are
torchao and bitsandbytes, if their wheels are there.
"""

from __future__ import annotations

import os
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.gpu.context import OUT_OF_TIME, StageContext
from tests.gpu.installation import child_environment, missing_packages
from tests.gpu.report import CheckReport
from tests.gpu.stage_process import EXIT_SECONDS, Record, import_once, run_stage
from tests.gpu.stages import STAGES, CheckStage

SHORTEST_SECONDS = 5.0
"""A stage that would get less is not started."""

PREPARED_MODULE = "tests.gpu.stages.imports"
"""What the process of every stage has imported."""

NEEDED_STAGE = "environment"
"""Without it no other stage is begun."""

MISSING_EXIT = 2
"""Exit code if packages are missing."""

IMPORT_SECONDS = 90.0
"""What the first stage may take beside its own time: torch is imported before it, from a disk that is cold perhaps."""

GRACE = 0.94
"""The part of its time in which a stage should end by itself."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check. Return 0 if every stage finished, whatever its results are, and 2 if packages are missing."""
    options = _options(arguments)
    deadline = time.monotonic() + options.budget
    options.out.mkdir(parents=True, exist_ok=True)
    options.out = options.out.resolve()
    report = CheckReport(
        options.out / "check.json", device=options.device, tiny=options.tiny, budget_seconds=options.budget
    )
    names = options.only or [stage.name for stage in STAGES]
    chosen = [stage for stage in STAGES if stage.name in names]
    log = options.out / "check.log"
    with TemporaryDirectory(prefix="kinolog-gpu-check-", ignore_cleanup_errors=True) as scratch:
        environment = child_environment(Path(scratch), options.wheels)
        if missing := missing_packages(environment):
            print(f"missing: {', '.join(missing)}. Put their wheels into a folder and name it with --wheels")
            return MISSING_EXIT
        os.environ.update(environment)
        sys.path[:0] = environment["PYTHONPATH"].split(os.pathsep)
        import_once([PREPARED_MODULE])
        for position, stage in enumerate(chosen):
            left = deadline - time.monotonic() - EXIT_SECONDS
            limit = stage_seconds(chosen, position, left)
            report.begin(stage.name, limit)
            if limit < SHORTEST_SECONDS:
                report.end(OUT_OF_TIME, 0.0)
                continue
            folder = Path(scratch) / stage.name
            folder.mkdir()
            started = time.monotonic()
            work = partial(
                run_in_stage,
                stage.name,
                device=options.device,
                tiny=options.tiny,
                folder=folder,
                seconds=limit * GRACE,
                families=tuple(filter(None, options.families.split(","))),
            )
            end = run_stage(work, seconds=limit, report=report, log=log)
            report.end(end.state, time.monotonic() - started, end.error)
            if stage.name == NEEDED_STAGE and end.state != "finished":
                print("the other stages would fail too and are left out", flush=True)
                break
    return 0 if report.complete else 1


def stage_seconds(chosen: Sequence[CheckStage], position: int, left: float) -> float:
    """Return how long a stage may take if so many seconds are left for it and those after it.

    What it does not need is theirs.
    """
    share = left * chosen[position].share / sum(later.share for later in chosen[position:])
    return share if position else min(left, share + min(IMPORT_SECONDS, left / 4))


def _options(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(
        prog="tests.gpu.check", description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("--budget", type=float, default=450.0, help="seconds for the whole run (default 450)")
    parser.add_argument("--out", type=Path, required=True, help="folder for check.json and check.log")
    parser.add_argument("--only", type=_stage_names, help="stages, separated by commas (default all)")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--tiny", action="store_true", help="small shapes, as for a rehearsal on a CPU")
    parser.add_argument("--wheels", type=Path, help="folder of wheels that this machine lacks")
    parser.add_argument("--families", default="", help="families, separated by commas (default all)")
    return parser.parse_args(arguments)


def _stage_names(text: str) -> list[str]:
    names = text.split(",")
    unknown = set(names) - {stage.name for stage in STAGES}
    if unknown:
        known = ", ".join(stage.name for stage in STAGES)
        raise ArgumentTypeError(f"no stage {', '.join(sorted(unknown))}; there are {known}")
    return names


def run_in_stage(name: str, results: Record, *, seconds: float, **facts: Any) -> None:
    """Run one stage in this process. `facts` are those of its `StageContext`."""
    context = StageContext(deadline=time.monotonic() + seconds, results=results, **facts)
    import_module(f"tests.gpu.stages.{name}").run(context)


if __name__ == "__main__":
    sys.exit(main())
