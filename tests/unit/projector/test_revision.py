"""The revision that the projector needs is that of the last migration, and only a migration loads its library."""

from __future__ import annotations

import subprocess
import sys

from kinolog_projector.schema.migrate import head
from kinolog_projector.schema.revision import REVISION


def test_the_revision_is_the_last_migration() -> None:
    """A migration that is added changes the constant too."""
    assert head() == REVISION


def test_a_process_loads_no_library_for_migrations() -> None:
    """Each command of the projector is a process of its own, and its start counts."""
    loaded = "import sys, kinolog_projector.app; print({'alembic', 'mako'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("set()\n", "")
