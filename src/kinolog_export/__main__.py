"""The process that decodes: `python -m kinolog_export gif` reads an MP4 from standard input and writes the export."""

from __future__ import annotations

import os
import resource
import sys

from kinolog_export.animation import write_animation
from kinolog_export.formats import ExportFormat
from kinolog_export.pictures import write_pictures
from kinolog_export.sprite_sheet import write_sprite_sheet

CPU_SECONDS = 600
"""Processor time of an export. More than that ends the process."""

NICENESS = 10
"""Exports give way to the processes of the service."""


def main() -> None:
    """Write the export that the argument names."""
    export_format = ExportFormat(sys.argv[1])
    os.nice(NICENESS)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = CPU_SECONDS if hard == resource.RLIM_INFINITY else min(CPU_SECONDS, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))
    if export_format is ExportFormat.PNG:
        write_pictures(sys.stdin.buffer, sys.stdout.buffer)
    elif export_format is ExportFormat.SPRITE_SHEET:
        write_sprite_sheet(sys.stdin.buffer, sys.stdout.buffer)
    else:
        write_animation(sys.stdin.buffer, sys.stdout.buffer, export_format)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
