"""The command line of the projector's program.

Commands:

run      keep the read models, the archive and the ticket queue up to date (the default)
logins   as a superuser of Postgres, make the logins of projector and api, and give the database to the former
migrate  migrate the database to this version
update   migrate, and rebuild read models that need it; needs the log
rebuild  rebuild the read models from the log beside the live ones, then swap them
hash     print a hash of the rows of each read model table
verify-all  compare log, archive, tree, read models, keys and, with --files, files, and name what differs first
check    compare log and archive, and the read models with a replay of the log, and name what differs
backup   copy what is new into the folder --folder; --verify reads the files again that it has already
check-backup  compare every file of the backup in --folder with its hash

These need all other services stopped, and `--json` prints what they found for programs:

inspect  compare log, archive, keys and read models, and say what a restore would do
restore  restore log, archive, keys and read models, and compare every commit; --trust log or archive
repair   only build the archive again from every intact commit of log and archive
refill   only fill the log and the keys from their archives
load     fill an empty log, key store and database from the backup in --folder
erased   name the jobs that are erased; needs the database alone
erased-in-log  name the jobs that are erased by commits after the position --after; needs the log alone
erase    erase the jobs that the file --folder names, in a log that was loaded
mend     only make the indexes in --damaged-files again, and the tables of one row; needs the database alone
salvage  only write the tables --tables again without their damaged pages
fill-access  make the stream of API keys and its archive whole from each other
load-access  add the facts about API keys in the file --folder that continue those that are there
settle   only rebuild read models that need it, archive the rest of the log, and compare every commit
session  run such commands in one process, as lines of JSON on standard input ask for them
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from kinolog.access.verification import FileCheck
from kinolog.process.main import exit_with
from kinolog_projector.commands import CommandOptions
from kinolog_projector.lifecycle import NAME
from kinolog_projector.restore.archive_repair import Trust

DESCRIPTION = (__doc__ or "").partition("\n\n")[2].strip()
"""What the commands do, for the help and for whoever types a wrong one."""


class _CommandLine(argparse.ArgumentParser):
    """A wrong command line is answered with the description of all commands."""

    def error(self, message: str) -> NoReturn:
        exit_with(NAME, f"{message}\n\n{DESCRIPTION}")


def command_line(commands: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of the command line. A wrong one ends the process."""
    parser = _CommandLine(
        prog="kinolog-projector",
        usage="kinolog-projector [COMMAND] [OPTION ...]",
        description=DESCRIPTION.replace("%", "%%"),
        epilog="Settings are environment variables: docs/settings.md lists them.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "command", nargs="?", default="run", choices=commands, metavar="COMMAND", help="see above"
    )
    parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON")
    parser.add_argument("--trust", type=Trust, default=None, help="log or archive: the copy that is right")
    parser.add_argument(
        "--folder", type=Path, default=None, help="folder of the backup; of `erase` the file with ids"
    )
    parser.add_argument("--verify", action="store_true", help="read again what the backup has already")
    parser.add_argument("--damaged-files", nargs="*", default=[], help="numbers of damaged files of Postgres")
    parser.add_argument("--tables", nargs="*", default=[], help="tables with damaged pages")
    parser.add_argument("--force-rebuild", action="store_true", help="rebuild also intact read models")
    parser.add_argument("--after", type=int, default=0, help="position in the log")
    parser.add_argument(
        "--files", type=FileCheck, default=FileCheck.NONE, help="sizes or hashes: compare files too"
    )
    parser.add_argument(
        "--heads", type=Path, nargs="*", default=[], help="copies of heads.log to compare too"
    )
    parser.add_argument("--gently", action="store_true", help="leave the processor to others")
    parser.add_argument("--progress", action="store_true", help="print how far it is, as lines of JSON")
    return parser


def command_options(options: argparse.Namespace) -> CommandOptions:
    """Return the options of a command."""
    return CommandOptions(
        trust=options.trust,
        folder=options.folder,
        verify=options.verify,
        damaged_files=options.damaged_files,
        tables=options.tables,
        force_rebuild=options.force_rebuild,
        after=options.after,
        files=options.files,
        heads=options.heads,
        gently=options.gently,
        progress=options.progress,
    )
