"""Starts, drives and ends the inference process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from contextlib import aclosing
from itertools import count

from kinolog.job.values import DEVICE_MISSING, RENDERER_FROZEN, RENDERER_STOPPED
from kinolog.process.logs import fields
from kinolog.process.tasks import end_tasks
from kinolog_worker.inference.child_environment import child_environment
from kinolog_worker.inference.exchange import KILLED, Exchange
from kinolog_worker.inference.exit_cause import exit_cause, exit_code_of, out_of_memory_kills
from kinolog_worker.inference.framing import framed, read_answer
from kinolog_worker.inference.freeze import FREEZE_SECONDS, Freeze, PingCommand, PongMessage
from kinolog_worker.inference.messages import (
    Answer,
    CancelCommand,
    CancelledMessage,
    Command,
    FailedMessage,
    FinishedMessage,
    LeavingMessage,
    LoadedMessage,
    LoadedModelsMessage,
    Message,
    PrefetchCommand,
    PrefetchedMessage,
    ReadyMessage,
    RenderJob,
    RunCommand,
)

KILL_SECONDS = 10.0
"""How long a killed process may take to exit."""

LOOK_SECONDS = 1.0
"""Longest pause between two looks whether the process is frozen."""

logger = logging.getLogger(__name__)


class InferenceProcess:
    """Starts the inference process when it is needed and returns its messages.

    The process draws one job after the other, and finishes the files of one beside the drawing of the next. When it
    exits, all unfinished jobs end with a `FailedMessage` (`WORKER_CRASHED` or `OUT_OF_MEMORY`; see `Exchange.failure`),
    and the next call starts a new process. A process that is frozen is killed (see `Freeze`): its rendering did it
    (`RENDERER_FROZEN`), unless a signal or a debugger stopped it (`RENDERER_STOPPED`) or the model was still being
    loaded (`WORKER_FROZEN`).
    """

    def __init__(
        self,
        device: str = "auto",
        *,
        threads: int = 0,
        model_memory: int = 0,
        freeze_seconds: float = FREEZE_SECONDS,
    ) -> None:
        """`threads` limits the CPU threads, 0 leaves it to the libraries.

        Loaded models may hold `model_memory` bytes of host memory together; with 0 there is one at most.

        A process that is frozen for `freeze_seconds` is killed; 0 lets it live.
        """
        self._device = device
        self._threads = threads
        self._model_memory = model_memory
        self._freeze_seconds = freeze_seconds
        self._freeze: Freeze | None = None
        self._process: Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[int] | None = None
        self._run_ids = count(1)
        self._runs: dict[int, Exchange] = {}
        self._kill_cause: tuple[str, str] | None = None
        self._blamed = ""
        """The job because of which the process is ended; empty if it is not known."""
        self._is_leaving = False
        """Whether the process has said that it exits by itself."""
        self._codecs: tuple[str, ...] = ()
        self._loaded_models: tuple[str, ...] = ()
        self._starting = asyncio.Lock()

    @property
    def alive(self) -> bool:
        """True while the process runs and takes commands."""
        running = self._process is not None and self._process.returncode is None
        return running and not self._is_leaving

    @property
    def pid(self) -> int | None:
        """Process id while the process runs."""
        return self._process.pid if self._process is not None and self.alive else None

    @property
    def codecs(self) -> tuple[str, ...]:
        """Codecs that the process can encode, as it said when it was last ready; empty before."""
        return self._codecs

    @property
    def loaded_models(self) -> tuple[str, ...]:
        """Names of the models that the process has loaded, the one used last first."""
        return self._loaded_models if self.alive else ()

    async def start(self) -> None:
        """Start the process unless it runs. Raises RuntimeError if it exits before it is ready."""
        async with self._starting:
            if self.alive and self._ready is not None and self._ready.done():
                return
            await self._start()

    async def run(self, job: RenderJob) -> AsyncGenerator[Message, None]:
        """Render a job. Yields its messages; the last is a `FinishedMessage`, `FailedMessage` or `CancelledMessage`.

        Closing the iterator early cancels the run. Raises RuntimeError if the process cannot be started.
        """
        command = RunCommand(run_id=next(self._run_ids), job=job)
        async with aclosing(self._exchange(job, command)) as answers:
            async for answer in answers:
                if not isinstance(answer, PrefetchedMessage):
                    yield answer

    async def prefetch(self, job: RenderJob) -> PrefetchedMessage | FailedMessage:
        """Load the job's model and encode its prompts, so that `run` finds both cached."""
        command = PrefetchCommand(run_id=next(self._run_ids), job=job)
        async with aclosing(self._exchange(job, command)) as answers:
            async for answer in answers:
                if isinstance(answer, PrefetchedMessage | FailedMessage):
                    return answer
        return FailedMessage(
            job_id=job.job_id, code="CANCELLED", message="the prefetch was cancelled", retryable=True
        )

    def cancel(self, job_id: str) -> None:
        """Request that a job stops between two steps. Its run then ends with a `CancelledMessage`."""
        for run_id, exchange in self._runs.items():
            if exchange.job_id == job_id:
                self._send(CancelCommand(run_id=run_id))

    async def kill(self, job_id: str = "") -> None:
        """End the process at once and wait for its exit. Its jobs end with a `FailedMessage` (`WORKER_KILLED`).

        With `job_id` it is ended because of that job, and the others end with `NEIGHBOUR_ENDED`.
        """
        await self._kill(KILLED, "the inference process was stopped", job_id)

    async def _kill(self, code: str, message: str, job_id: str = "") -> None:
        """End the process. Its jobs end with this error."""
        if self._process is None or self._watcher is None:
            return
        self._blamed = job_id
        self._kill_cause = (code, message)
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._previous_exit()

    async def _previous_exit(self) -> None:
        """Wait until the exit of the process is reported, at most `KILL_SECONDS`: a hung driver holds a killed one."""
        watcher = self._watcher
        if watcher is None:
            return
        await asyncio.wait((watcher,), timeout=KILL_SECONDS)
        if not watcher.done():
            logger.error("the killed inference process does not exit and is left to the system")
            code, message = self._kill_cause or (KILLED, "the inference process was stopped")
            self._end_exchanges(code, f"{message} and does not exit")
            self._process = self._watcher = None
            await end_tasks((watcher,))

    async def _start(self) -> None:
        await self._previous_exit()  # it is reported first
        ours, theirs = socket.socketpair()
        memory_kills = out_of_memory_kills()
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-X", "faulthandler", "-m", "kinolog_worker.inference"),
                *("--fd", str(theirs.fileno()), "--device", self._device),
                *("--model-memory", str(self._model_memory)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sys.stderr,
                pass_fds=(theirs.fileno(),),
                env=child_environment(os.environ, self._threads),
            )
        ours.setblocking(False)
        reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        self._kill_cause = None
        self._blamed = ""
        self._is_leaving = False
        self._loaded_models = ()
        self._ready = asyncio.get_running_loop().create_future()
        self._watcher = asyncio.create_task(self._watch(self._process, reader, self._writer, memory_kills))
        await self._ready

    async def _exchange(
        self, job: RenderJob, command: RunCommand | PrefetchCommand
    ) -> AsyncGenerator[Message | PrefetchedMessage, None]:
        """Send a command about a job and yield its answers up to the closing message."""
        await self.start()
        exchange = Exchange(job.job_id, is_beside=job.model.files_at_once > 0)
        exchange.begun = isinstance(command, PrefetchCommand)  # nothing but its closing message answers it
        self._runs[command.run_id] = exchange
        closed = False
        try:
            self._send(command)
            while not closed:
                answer = await exchange.answers.get()
                closed = isinstance(
                    answer, FinishedMessage | FailedMessage | CancelledMessage | PrefetchedMessage
                )
                yield answer
        finally:
            del self._runs[command.run_id]
            if not closed:
                self._send(CancelCommand(run_id=command.run_id))

    def _send(self, command: Command) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(framed(command))

    async def _watch(
        self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, memory_kills: int
    ) -> None:
        """Deliver messages until the connection closes, then end every unfinished job with the cause of the exit.

        So does an answer that cannot be read: without this task every job would wait for its stall limit.
        """
        freeze = self._freeze = Freeze(process.pid, self._freeze_seconds)
        looking = asyncio.create_task(self._end_when_frozen(process, freeze))
        try:
            while (answer := await read_answer(reader)) is not None:
                self._deliver(answer)
        except Exception as error:
            # The text of the error may quote a prompt.
            logger.error(
                "an answer of the inference process cannot be read; it is stopped: %s", type(error).__name__
            )
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        finally:
            looking.cancel()
        writer.close()
        exit_code = await exit_code_of(process)
        code, message = exit_cause(exit_code, killed_for_memory=out_of_memory_kills() > memory_kills)
        self._end_exchanges(*(self._kill_cause or (code, message)))

    async def _end_when_frozen(self, process: Process, freeze: Freeze) -> None:
        """Ask the process all the time for an answer, and kill it if it is frozen."""
        pause = min(LOOK_SECONDS, self._freeze_seconds / 8)
        while self._freeze_seconds and process.returncode is None:
            if not freeze.is_asked:
                freeze.ask()
                self._send(PingCommand())
            await asyncio.sleep(pause)
            if freeze.is_over_limit():
                stopped = freeze.is_stopped()
                how = "stopped by a signal or a debugger" if stopped else "frozen"
                logger.error("the inference process is %s and is ended", how, extra=fields("frozen"))
                code = RENDERER_STOPPED if stopped else RENDERER_FROZEN
                await self._kill(code, f"the inference process was {how}")

    def _end_exchanges(self, code: str, message: str) -> None:
        """End every unfinished job, and the wait for the start, with the cause of the exit."""
        exchanges = list(self._runs.values())
        for exchange in exchanges:
            failed = exchange.failure(code, message, exchanges, blamed=self._blamed)
            exchange.answers.put_nowait(failed)
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(RuntimeError(f"{message} before it was ready"))

    def _deliver(self, answer: Answer) -> None:
        if isinstance(answer, ReadyMessage):
            self._codecs = answer.codecs
            if self._ready is not None and not self._ready.done():
                self._ready.set_result(answer.pid)
        elif isinstance(answer, LoadedModelsMessage):
            self._loaded_models = answer.models
        elif isinstance(answer, LeavingMessage):
            self._is_leaving = True
        elif isinstance(answer, PongMessage):
            if self._freeze is not None:
                self._freeze.answered()
        elif (exchange := self._runs.get(answer.run_id)) is not None:
            message = answer.message
            exchange.note(message)
            if isinstance(message, LoadedMessage | PrefetchedMessage):
                self._keep_device(message.facts.device)
            elif isinstance(message, FailedMessage) and message.code == DEVICE_MISSING:
                self._end_without_device(message.message)
            exchange.answers.put_nowait(message)

    def _keep_device(self, device: str) -> None:
        """Start later processes with the GPU that this one uses: without it, `auto` would mean the CPU."""
        if device.startswith("cuda"):
            self._device = device

    def _end_without_device(self, message: str) -> None:
        """End a process whose device is not there. The next one looks for it again."""
        self._is_leaving = True
        self._kill_cause = (DEVICE_MISSING, message)
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
