"""The process of one stage: `python -m tests.gpu.stages NAME …`. It may crash or hang without harm to the others."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from importlib import import_module
from pathlib import Path

from tests.gpu.context import StageContext, results_stream
from tests.gpu.stages import STAGES


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
    import_module(f"tests.gpu.stages.{arguments.stage}").run(context)


if __name__ == "__main__":
    main()
