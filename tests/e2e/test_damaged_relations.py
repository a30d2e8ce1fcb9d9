"""A damaged page of any index or table of the permanent schema is healed by the command that the messages name."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.e2e.test_disasters import last_position, postgres_of, refuses_to_start
from tests.fixtures.damage import PAGE_BYTES, flip_byte
from tests.fixtures.filled_folder import FilledFolder, restored

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]


def damage(folder: Path, relation: str, page: int) -> None:
    """Flip a bit in a page of a table or index of a Postgres that does not run."""
    with postgres_of(folder) as url, psycopg.connect(url) as connection:
        found = connection.execute("SELECT pg_relation_filepath(%s)", [f"kinolog.{relation}"]).fetchone()
    assert found is not None
    flip_byte(folder / "postgres" / found[0], PAGE_BYTES * page + PAGE_BYTES // 2)


@pytest.mark.parametrize(
    "index", ["archive_pkey", "archive_of_job", "key_archive_0_pkey", "schema_version_pkc", "log_lines_pkey"]
)
def test_a_damaged_index_is_made_again(index: str, damaged_copy: Path, filled: FilledFolder) -> None:
    """The restore names the index and makes it again before it reads the table. No row is lost."""
    damage(damaged_copy, index, page=1)
    found = restored(damaged_copy)
    assert (found["changed"], found["commits"]) == (True, last_position(filled))
    assert found["steps"][0] == f"make the index kinolog.{index} again"
    assert not any("damaged pages" in step for step in found["steps"])
    assert not restored(damaged_copy)["changed"]


@pytest.mark.parametrize("table", ["schema_version", "log_checkpoint"])
def test_a_damaged_table_that_a_start_reads_is_written_again(
    table: str, damaged_copy: Path, filled: FilledFolder
) -> None:
    """`kinolog up` names the table and the command. The command heals it, and does not name itself."""
    damage(damaged_copy, table, page=0)
    refused = refuses_to_start(damaged_copy)
    assert f"table kinolog.{table}: invalid page" in refused
    assert "kinolog restore" in refused
    found = restored(damaged_copy)
    assert (found["changed"], found["commits"]) == (True, last_position(filled))
    assert found["steps"][0] == f"write kinolog.{table} again"
    assert not restored(damaged_copy)["changed"]
