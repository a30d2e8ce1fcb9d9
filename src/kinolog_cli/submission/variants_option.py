"""How many jobs `kinolog generate` makes of a request."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

VariantsOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--variants",
        min=1,
        max=8,
        help="Make 2 to 8 jobs: the first has the seed, and each further one the next seed.",
    ),
]
