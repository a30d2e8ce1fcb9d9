"""Measures a profile of a model of the catalogue. Each line of its output is a JSON object; the last has the figures.

`kinolog models calibrate` runs it on the machine of a worker, with the settings of the worker.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from threading import Thread
from typing import Any, TextIO

from kinolog.process.settings import CatalogueSettings
from kinolog_worker.calibration.compared_clips import calibrate
from kinolog_worker.calibration.measurement import measurement_of
from kinolog_worker.inference.child_environment import child_environment
from kinolog_worker.renderers.registry import renderer_named
from kinolog_worker.renderers.renderer import RenderFailed


def _output() -> TextIO:
    """Return what was the standard output. What libraries and models print goes to the standard error from now on."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return output


def _print(output: TextIO, **values: Any) -> None:
    output.write(json.dumps(values) + "\n")
    output.flush()


def _end_with_parent() -> None:
    """End this process when its standard input ends."""
    while os.read(sys.stdin.fileno(), 4096):  # a reader of `sys.stdin` would hold up the end of this process
        pass
    os._exit(0)


def main() -> None:
    """Measure one profile."""
    parser = ArgumentParser(prog="kinolog_worker.calibration")
    parser.add_argument("--model", required=True)
    parser.add_argument("--profile", required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--clips", type=int, required=True)
    parser.add_argument("--prompts", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--folder", type=Path, help="where frames are kept meanwhile")
    arguments = parser.parse_args()
    output = _output()
    settings = CatalogueSettings()
    environment = child_environment(os.environ)
    for name in set(os.environ) - set(environment):  # code of models runs here
        del os.environ[name]
    os.environ.update(environment)
    Thread(target=_end_with_parent, name="parent", daemon=True).start()
    try:
        measurement = measurement_of(
            settings,
            arguments.model,
            arguments.profile,
            arguments.clips,
            arguments.prompts,
            arguments.picture,
        )
        renderer = renderer_named(measurement.model.renderer)
        clips = 2 * len(measurement.requests)
        profile = calibrate(
            renderer,
            arguments.device,
            measurement,
            lambda drawn: _print(output, drawn=drawn, clips=clips),
            arguments.folder,
        )
    except RenderFailed as error:
        _print(output, failed=error.code, message=error.message)
    except OSError as error:
        problem = f"{error.filename or 'a file'}: {error.strerror or error}"
        _print(output, failed="CALIBRATION_FAILED", message=problem)
    else:
        _print(output, figures=asdict(profile))


if __name__ == "__main__":
    main()
