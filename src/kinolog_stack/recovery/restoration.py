"""`kinolog restore`: finds what is damaged, says what it will do, does it, and proves that all is equal after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kinolog.adapters.jetstream.subjects import ACCESS, EVENTS
from kinolog.counts import counted
from kinolog_stack.errors import StartError
from kinolog_stack.recovery.stopped_stack import StoppedStack
from kinolog_stack.servers.postgres_checksums import damaged_files

Say = Callable[[str], None]
Agree = Callable[[], bool]
"""Returns whether to go on. Called once, after everything that will be done was said."""

WHAT_WILL_BE_DONE = (
    "What will be done (whatever is replaced is kept in set-aside/ in the data folder, or in the folder itself if that "
    "is on another disk):"
)


class RestoreDeclined(StartError):
    """The person does not want it. Nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore has done and proved."""

    changed: bool
    commits: int
    hash: str
    steps: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()
    requeued: tuple[str, ...] = ()
    dropped: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "changed": self.changed,
            "commits": self.commits,
            "hash": self.hash,
            "steps": list(self.steps),
            "set_aside": list(self.set_aside),
            "requeued": list(self.requeued),
            "dropped": list(self.dropped),
        }


@dataclass(slots=True, kw_only=True)
class Restoration:
    """One restore. `trust` names the copy that is right where both are intact and differ."""

    stack: StoppedStack
    say: Say
    agree: Agree
    trust: str = ""
    new_database: bool = False
    _steps: list[str] = field(default_factory=list)
    _damaged_files: list[str] = field(default_factory=list)
    _corrected: list[str] = field(default_factory=list)
    _unread: list[str] = field(default_factory=list)
    """Streams that nats-server cannot read. Each was set aside, and an empty one is in its place."""

    def run(self) -> Restored:
        """Restore. Raises `StartError`, `RestoreDeclined`."""
        self._start_servers()
        access = self.stack.projector("fill-access")
        if access["restored"]:
            step = f"fill the stream of API keys with {counted(access['restored'], 'message')} of its archive"
            self.say(f"  done already: {step}")
            self._corrected.append(step)
        if access["problem"]:
            self.say(f"  the stream of API keys is damaged: {access['problem']}")
            self._steps.append(
                "set the damaged stream of API keys aside, and write it again from its archive"
            )
        inspected = self.stack.projector("inspect", "--damaged-files", *self._damaged_files)
        for line in inspected["found"]:
            self.say(f"  {line}")
        if (lost := self.stack.unread_position - inspected["commits"]) > 0:
            positions = f"{inspected['commits'] + 1} to {self.stack.unread_position}"
            self.say(f"  the archive lacks the last {counted(lost, 'commit')} of the log that was set aside")
            self._steps.append(f"leave out positions {positions}, which only the log that was set aside has")
        if inspected["is_whole"] and not self._steps:
            return Restored(
                changed=bool(self.stack.set_aside) or access["restored"] > 0,
                commits=inspected["commits"],
                hash=inspected["hash"],
                steps=(
                    *self._corrected,
                    *(f"set the stream {name} aside and make an empty one" for name in self._unread),
                ),
                set_aside=tuple(map(str, self.stack.set_aside)),
            )
        steps = (*self._corrected, *self._steps, *inspected["steps"])
        self.say(WHAT_WILL_BE_DONE)
        for number, step in enumerate(steps, start=1):
            self.say(f"  {number}. {step}")
        if not self.agree():
            raise RestoreDeclined("Nothing was restored.")
        if access["problem"]:
            self.stack.replace_stream(ACCESS)
            self.stack.projector("fill-access")
        repaired: dict[str, Any] = {}
        if inspected["salvage"]:
            self.stack.projector("salvage", "--tables", *inspected["salvage"])
        if inspected["repair_archive"]:
            options = ("--trust", self.trust) if self.trust else ()
            repaired = self.stack.projector("repair", *options)
        if inspected["replace_log"]:
            self.stack.replace_stream(EVENTS)
        if inspected["refill_log"]:
            self.stack.projector("refill")
        settled = self.stack.projector("settle", *(["--force-rebuild"] if inspected["rebuild"] else []))
        return Restored(
            changed=True,
            commits=settled["commits"],
            hash=settled["hash"],
            steps=steps,
            set_aside=tuple(map(str, self.stack.set_aside)),
            requeued=tuple(repaired.get("requeued", ())),
            dropped=tuple(repaired.get("dropped", ())),
        )

    def _start_servers(self) -> None:
        """Start Postgres and nats-server alone. What they cannot read is set aside, which deletes nothing."""
        for record in self.stack.correct_positions():
            step = (
                f"correct position {record.position} at byte {record.offset} of {record.block} to "
                f"{record.right_position}"
            )
            self.say(f"  done already, since nothing can be read without it: {step}")
            self._corrected.append(step)
        if not self.new_database:
            self._start_database()
        self._start_nats()
        if self.new_database:
            self.stack.replace_database()
            self._steps.append("build a new database: archive, keys and read models, from the log")
        if self._damaged_files:
            mended = self.stack.projector("mend", "--damaged-files", *self._damaged_files)
            for step in mended["done"]:
                self.say(f"  done already, since nothing can be read without it: {step}")
            self._steps += mended["done"]
            self._damaged_files = mended["damaged_files"]
        self.stack.projector("migrate")

    def _start_nats(self) -> None:
        try:
            self._unread = self.stack.start_nats(needed=EVENTS if self.new_database else "")
        except StartError as error:
            if not self.new_database:
                raise
            raise StartError(
                f"{error.problem.rstrip('.')}. A new database is built from the log, so the old one stays.",
                "Fill the log from the archive in the database: kinolog restore, without --new-database. If the "
                "database does not start either, restore a backup: kinolog restore --from.",
            ) from error
        for name in self._unread:
            self.say(f"  nats-server cannot read the stream {name}: it was set aside")

    def _start_database(self) -> None:
        try:
            self.stack.postgres.start()  # recovers what was written last before its pages are checked
            self.stack.postgres.stop()
            self._damaged_files = damaged_files(self.stack.folder.postgres)
            self.stack.postgres.start()
        except StartError as error:
            raise StartError(
                error.problem,
                f"{error.remedy}\nIf its folder is damaged, build a new one from the log: kinolog restore "
                "--new-database (log lines of jobs older than a day are lost).".lstrip(),
            ) from error
