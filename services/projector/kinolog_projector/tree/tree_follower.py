"""Appends what is archived to the tree, has heads signed, and compares the tree with the archive all the time."""

from __future__ import annotations

import asyncio
import logging

import psycopg

from kinolog.merkle.hash_tiles import TILE_HASHES
from kinolog.ports.clock import Clock
from kinolog.process.logs import fields
from kinolog.process.probe import Metric
from kinolog.process.problem_alarm import ProblemAlarm
from kinolog.readmodel.database import writer_connection
from kinolog_projector.projection.writer import BatchWriter
from kinolog_projector.tree.commit_tree import (
    BATCH_COMMITS,
    READS,
    CommitTree,
    DamagedTree,
    TreeConflict,
)
from kinolog_projector.tree.erasure_certifier import ErasureCertifier
from kinolog_projector.tree.head_signer import HeadRules, HeadSigner

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""How often the archive is read for new commits. After each time without any, 256 commits are compared."""
RETRY_SECONDS = 5.0
"""Pause before the tree is followed again after an error."""
PASS_SECONDS = 300.0
"""Pause between two comparisons of everything."""


class TreeAlarm(ProblemAlarm):
    """The alarm about the tree. What is wrong is for operators."""

    def text(self, problem: str) -> str:
        """Say what it means."""
        return "The signed record of all commits is not continued. Jobs go on. kinolog doctor says why"

    def details(self, problem: str) -> str:
        """Say what is wrong."""
        return problem


class TreeFollower:
    """Keeps the tree while this process leads. Commits that are not those of the tree are an alarm."""

    def __init__(self, database_url: str, rules: HeadRules, alarm: ProblemAlarm, clock: Clock) -> None:
        self._database_url = database_url
        self._rules = rules
        self._alarm = alarm
        self._clock = clock
        self._comparison = _Comparison()
        self._reads_comparison = _Comparison()
        self.size = 0
        self.reads_size = 0
        self.signed_size = 0

    def metrics(self) -> list[Metric]:
        """Return the metrics of the probe."""
        return [
            Metric(name="kinolog_tree_size", value=self.size, help="Commits in the tree."),
            Metric(
                name="kinolog_tree_reads_size",
                value=self.reads_size,
                help="Batches of recorded reads in the tree over reads.",
            ),
            Metric(
                name="kinolog_tree_signed_size",
                value=self.signed_size,
                help="Commits in the last signed head of the tree.",
            ),
        ]

    async def run(self, writer: BatchWriter, caught_up: asyncio.Event) -> None:
        """Follow the archive until cancelled."""
        while True:
            try:
                await self._follow(caught_up)
            except DamagedTree as damage:
                logger.error("history was changed: %s", damage, extra=fields("tree_damaged"))
                await self._alarm.update(f"history was changed: {damage}. No head is signed meanwhile")
            except (psycopg.OperationalError, TreeConflict) as error:
                logger.warning("the tree is not continued now: %s", type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self, caught_up: asyncio.Event) -> None:
        async with await writer_connection(self._database_url, "kinolog-tree") as connection:
            tree, reads = await CommitTree.open(connection), await CommitTree.open(connection, READS)
            for each, comparison in ((tree, self._comparison), (reads, self._reads_comparison)):
                await each.compare(max(each.size - 1, 0) // TILE_HASHES)
                await comparison.step(each)  # what differed before is an alarm until it is mended
            await self._grow_until(caught_up, tree)
            while await reads.grow():
                self.reads_size = reads.size
            signer = HeadSigner(connection, tree, reads, self._rules, self._clock)
            await signer.open()
            certifier = ErasureCertifier(connection, tree, self._rules.key_file, self._clock)
            while True:
                grown = await tree.grow()
                grown_reads = await reads.grow()
                await signer.sign_if_due()
                await certifier.certify(signer.last_signed)
                self.size, self.signed_size = tree.size, signer.last.size if signer.last else 0
                self.reads_size = reads.size
                await self._alarm.update(signer.problem)
                if not grown:
                    await self._comparison.step(tree)
                if not grown_reads:
                    await self._reads_comparison.step(reads)
                # While jobs run, a pass without a pause would add the few commits that came during the one before.
                if max(grown, grown_reads) < BATCH_COMMITS:
                    await asyncio.sleep(POLL_SECONDS)

    async def _grow_until(self, caught_up: asyncio.Event, tree: CommitTree) -> None:
        """Add what is archived until the archive has reached the log. A new database has not got all signed commits."""
        is_whole = False
        while not is_whole:
            is_whole = caught_up.is_set()
            while await tree.grow():
                self.size = tree.size
            if not is_whole:
                await asyncio.sleep(POLL_SECONDS)


class _Comparison:
    """Compares the tree with the archive, from the first commit on, again and again. It does not pass a difference."""

    def __init__(self) -> None:
        self._next = 0
        self._pause = 0.0

    async def step(self, tree: CommitTree) -> None:
        """Compare the next tile. Raises `DamagedTree`."""
        if self._pause > 0:
            self._pause -= POLL_SECONDS
        elif await tree.compare(self._next):
            self._next += 1
        else:
            self._next, self._pause = 0, PASS_SECONDS
