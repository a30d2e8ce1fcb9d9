"""Connections of this process to the embedded Postgres, whatever the shell says about another database.

libpq reads `PG*` variables for every parameter that a connection does not name. They are a developer's for the database
of a project; `PGSSLMODE=require` alone would keep kinolog from its own. See decision 50.
"""

from __future__ import annotations

import os
from typing import Any

import psycopg

from kinolog_stack.environment import LIBPQ_VARIABLE


def connect(url: str, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect to the embedded Postgres. Raises `psycopg.Error`."""
    forget_variables()
    return psycopg.connect(url, **options)


def forget_variables() -> None:
    """Remove the variables of libpq from this process, which connects to no other Postgres than its own."""
    for name in [name for name in os.environ if LIBPQ_VARIABLE.fullmatch(name)]:
        os.environ.pop(name, None)
