"""The stages of the check, and the process of one stage: `python -m tests.gpu.stages NAME …`.

Each stage is the module of its name with a function `run`. It has a process of its own, which may crash or hang without
harm to the others.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tests.gpu.context import StageContext, results_stream


@dataclass(frozen=True, slots=True)
class CheckStage:
    """A stage: its module in this package, and its part of the budget relative to the other stages."""

    name: str
    share: float


STAGES = (
    CheckStage("environment", 4),
    CheckStage("families", 17),
    CheckStage("wan", 23),
    CheckStage("decode", 17),
    CheckStage("job", 12),
    CheckStage("device_assert", 9),
    CheckStage("memory", 34),
)
"""In the order in which they run. Time that a stage leaves goes to those after it."""


def main() -> None:
    """Run one stage in this process. Its results go to the standard output, one JSON object in a line."""
    parser = ArgumentParser(prog="tests.gpu.stages")
    parser.add_argument("stage", choices=[stage.name for stage in STAGES])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--families", default="")
    arguments = parser.parse_args()
    context = StageContext(
        device=arguments.device,
        tiny=arguments.tiny,
        folder=arguments.folder,
        deadline=time.monotonic() + arguments.seconds,
        families=tuple(filter(None, arguments.families.split(","))),
        results=results_stream(),
    )
    import_module(f"tests.gpu.{arguments.stage}").run(context)


if __name__ == "__main__":
    main()
