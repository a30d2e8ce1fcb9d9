"""Commands one after the other in one process. `kinolog restore` runs up to eight, and each process has much to import.

One line of JSON a command on standard input, one a result on standard output:

    {"program": "projector", "arguments": ["inspect", "--json"], "environment": {"KINOLOG_NATS_URL": ...}}
    {"status": 0, "output": "..."}

`environment` is the whole environment of the command, `status` its exit status. Standard error is that of this process.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from io import StringIO
from typing import TextIO

from kinolog.process.main import INTERRUPTED


def serve_commands(programs: Mapping[str, Callable[[], None]], requests: TextIO, results: TextIO) -> None:
    """Run commands until the input ends. `programs` are the `main` of each program, by name."""
    try:
        for line in requests:
            request = json.loads(line)
            os.environ.clear()
            os.environ.update(request["environment"])
            sys.argv[1:] = request["arguments"]
            status, output = _ended(programs[request["program"]])
            gc.unfreeze()  # each program exempts from collection what is loaded as it begins
            gc.collect()
            results.write(json.dumps({"status": status, "output": output}) + "\n")
            results.flush()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _ended(main: Callable[[], None]) -> tuple[int, str]:
    """Run a program to its end and return its exit status and what it wrote to standard output."""
    output = StringIO()
    try:
        with redirect_stdout(output):
            main()
    except SystemExit as ended:
        if isinstance(ended.code, str):  # as the interpreter does at the end of a process
            sys.stderr.write(f"{ended.code}\n")
            return 1, output.getvalue()
        return ended.code or 0, output.getvalue()
    return 0, output.getvalue()
