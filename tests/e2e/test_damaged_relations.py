"""A damaged page of any index or table of the permanent schema is healed by the command that the messages name."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from kinolog_projector.commands import CommandOptions
from kinolog_projector.maintenance import inspect, mend

from kinolog_stack.servers.postgres_checksums import damaged_files
from tests.e2e.test_disasters import last_position, postgres_of, refuses_to_start
from tests.fixtures.damage import PAGE_BYTES, flip_byte
from tests.fixtures.filled_folder import FilledFolder
from tests.fixtures.kinolog_command import restored
from tests.fixtures.served_folder import refused, run_projector_command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

INDEXES = ("archive_pkey", "archive_of_job", "key_archive_0_pkey", "schema_version_pkc", "log_lines_pkey")
READ_BY_STARTS = ("schema_version", "log_checkpoint")


def damage(folder: Path, *relations: str) -> None:
    """Flip a bit in a page of tables and indexes of a Postgres that does not run: in the first that has rows."""
    paths = {}
    with postgres_of(folder) as url, psycopg.connect(url) as connection:
        for relation in relations:
            row = connection.execute("SELECT pg_relation_filepath(%s)", [f"kinolog.{relation}"]).fetchone()
            assert row is not None
            paths[relation] = folder / "postgres" / row[0]
    for relation, path in paths.items():
        page = 1 if relation in INDEXES else 0  # the first page of an index has no rows
        flip_byte(path, PAGE_BYTES * page + PAGE_BYTES // 2)


def assert_mended(folder: Path, step: str, filled: FilledFolder) -> None:
    """The projector's `mend`, with which `kinolog restore` begins, does this one step. Nothing is left to restore."""
    files = damaged_files(folder / "postgres")
    assert len(files) == 1
    mended = run_projector_command(folder, mend, CommandOptions(damaged_files=files))
    assert mended.facts == {"done": [step], "damaged_files": []}
    assert damaged_files(folder / "postgres") == []
    found = run_projector_command(folder, inspect).facts
    assert (found["is_whole"], found["commits"]) == (True, last_position(filled))


@pytest.mark.parametrize("index", INDEXES)
def test_a_damaged_index_is_made_again(index: str, damaged_copy: Path, filled: FilledFolder) -> None:
    """The index is named and made again. No row is lost."""
    damage(damaged_copy, index)
    assert_mended(damaged_copy, f"make the index kinolog.{index} again", filled)


@pytest.mark.parametrize("table", READ_BY_STARTS)
def test_a_damaged_table_that_a_start_reads_is_written_again(
    table: str, damaged_copy: Path, filled: FilledFolder
) -> None:
    """A start names the table and the command, and the table is written again."""
    damage(damaged_copy, table)
    named = refused(damaged_copy)
    assert f"table kinolog.{table}: invalid page" in named
    assert "kinolog restore" in named
    assert_mended(damaged_copy, f"write kinolog.{table} again", filled)


def test_many_damaged_relations_are_restored_at_once(damaged_copy: Path, filled: FilledFolder) -> None:
    """`kinolog up` names a table and the command. The command heals all, and names each step."""
    indexes = [index for index in INDEXES if not index.startswith(READ_BY_STARTS)]
    damage(damaged_copy, *indexes, *READ_BY_STARTS)
    named = refuses_to_start(damaged_copy)
    assert "table kinolog.schema_version: invalid page" in named
    assert "kinolog restore" in named
    found = restored(damaged_copy)
    assert (found["changed"], found["commits"]) == (True, last_position(filled))
    *healed, _ = found["steps"]  # the last step of every restore compares all commits
    assert sorted(healed) == sorted(
        [
            *(f"make the index kinolog.{index} again" for index in indexes),
            *(f"write kinolog.{table} again" for table in READ_BY_STARTS),
        ]
    )
    assert not restored(damaged_copy)["changed"]
