"""The process that downloads a model: it prints what it receives, and ends with its supervisor."""

from __future__ import annotations

import json
import logging
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from threading import Thread
from typing import Any

from kinolog.models.hub.download import DownloadProgress, ModelDownload
from kinolog.models.hub.errors import CacheUnusable, DownloadFailed
from kinolog.models.hub.hub_model import MAIN, HubModel


def _print(**values: Any) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def _print_progress(progress: DownloadProgress) -> None:
    _print(received=progress.received, total=progress.total, checked=progress.checked)


def _end_with_supervisor() -> None:
    """End this process when its standard input ends. What was received stays."""
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Download one model. The last line names its folder, or the code and the message of what went wrong."""
    parser = ArgumentParser(prog="kinolog_worker.downloads")
    parser.add_argument("--name", required=True)
    parser.add_argument("--revision", default=MAIN)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--without", nargs="*", default=[])
    parser.add_argument("--file", default="")
    arguments = parser.parse_args()
    logging.disable()
    Thread(target=_end_with_supervisor, name="supervisor", daemon=True).start()
    model = HubModel(
        name=arguments.name,
        revision=arguments.revision,
        cache=arguments.cache,
        without=tuple(arguments.without),
        file=arguments.file,
    )
    try:
        folder = ModelDownload(model, _print_progress).run()
    except DownloadFailed as error:
        _print(failed=error.code, message=error.message)
    except OSError as error:
        unusable = CacheUnusable(
            f"the folder of models {model.cache} cannot be used ({error.strerror or error})"
        )
        _print(failed=unusable.code, message=unusable.message)
    else:
        _print(folder=str(folder))


if __name__ == "__main__":
    main()
