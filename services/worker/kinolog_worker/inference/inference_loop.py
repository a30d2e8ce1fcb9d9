"""The inference process itself: reads commands from a socket, runs them one at a time, and answers on it.

A thread reads the commands, so that a cancellation is received and a ping is answered while a job runs, and so that the
process ends at once when its supervisor is gone. Another one finishes the files of a job while the next one is drawn. A
job whose renderer delivers a file has a thread of its own: it uses no device. Everything else runs in the main thread,
which some libraries require.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import replace
from queue import Empty, Queue
from threading import Lock, Thread, get_ident
from typing import NoReturn, TypeVar

from kinolog.job.values import SCRATCH_FULL
from kinolog.process.files.full_disk import NO_ROOM, is_full
from kinolog_worker.inference.delivered.file_job import FileJob
from kinolog_worker.inference.framing import framed, read_command
from kinolog_worker.inference.freeze import PingCommand, PongMessage
from kinolog_worker.inference.job_renderer import JobRenderer, prefetch
from kinolog_worker.inference.library_output import (
    error_kind,
    error_text,
    logged_to,
    print_trace,
    silence_output,
)
from kinolog_worker.inference.messages import (
    Answer,
    CancelCommand,
    CancelledMessage,
    Command,
    FailedMessage,
    FinishedMessage,
    LeavingMessage,
    LoadedModelsMessage,
    LogLineMessage,
    Message,
    Outcome,
    PrefetchCommand,
    PrefetchedMessage,
    ReadyMessage,
    RenderJob,
    RunCommand,
    TaggedMessage,
)
from kinolog_worker.inference.model_cache import ModelCache
from kinolog_worker.inference.postprocess.finish_thread import FinishThread, JobFinishes
from kinolog_worker.media.encoder import EncodingFailed
from kinolog_worker.media.encoder_settings import available_codecs
from kinolog_worker.media.video_check import MediaInvalid
from kinolog_worker.renderers.renderer import RenderCancelled, RenderFailed

T = TypeVar("T")

PROMPT_SECONDS = 600.0
"""How long prompts are remembered after their last use: an erasure does not reach this process."""

COMING_AGAIN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NotImplementedError,
    TypeError,
    ValueError,
)
"""Errors of a call that is wrong, and not of what happened while it ran: another attempt would raise them again."""

DEVICE_LOST = "DEVICE_LOST"
"""Error code of a job after which the device takes no more work from this process."""

EXIT_CODE = 70
"""The process ends with it if it cannot go on: an internal error, as in `sysexits.h`."""

SWITCH_SECONDS = 0.0005
"""How long the thread that draws waits at most for the interpreter while files are finished. Python waits for 5 ms."""

LOOK_SECONDS = 60.0
"""Interval at which an idle process looks for such prompts."""


class InferenceLoop:
    """Serves one supervisor until the connection closes."""

    def __init__(self, connection: socket.socket, cache: ModelCache) -> None:
        self._connection = connection
        self._cache = cache
        cache.on_change = lambda models: self.send(LoadedModelsMessage(models=models))
        self._send_lock = Lock()
        self._commands: Queue[RunCommand | PrefetchCommand] = Queue()
        self._waiting: dict[int, RunCommand | PrefetchCommand] = {}
        """Commands that have not begun, by their runs. One that is removed is not begun."""
        self._waiting_lock = Lock()
        self._cancelled: set[int] = set()
        self._finish = FinishThread()
        self._beside: set[int] = set()
        """Identifiers of the threads that have jobs of their own."""

    def serve(self) -> None:
        """Run commands until the supervisor is gone. Never returns."""
        Thread(target=self._read_commands, name="commands", daemon=True).start()
        self.send(ReadyMessage(pid=os.getpid(), codecs=available_codecs()))
        while True:
            self.run_next(LOOK_SECONDS)

    def run_next(self, wait_seconds: float) -> None:
        """Run the next command, if one comes within this time. Then forget the prompts that nothing uses any more."""
        try:
            command = self._commands.get(timeout=wait_seconds)
        except Empty:
            pass
        else:
            if self._is_wanted(command):
                self._run(command)
        self._cache.forget_prompts(PROMPT_SECONDS)

    def _is_wanted(self, command: RunCommand | PrefetchCommand) -> bool:
        with self._waiting_lock:
            return self._waiting.pop(command.run_id, None) is not None

    def _run_beside(self, command: RunCommand) -> None:
        """Run a command in a thread of its own."""
        thread = get_ident()
        self._beside.add(thread)
        try:
            if self._is_wanted(command):
                self._run(command)
        finally:
            self._beside.discard(thread)

    def _run(self, command: RunCommand | PrefetchCommand) -> None:
        """Run one command. Its closing message is sent whatever happens, for a drawn job by another thread."""
        job, run_id = command.job, command.run_id

        def send(message: Message | PrefetchedMessage) -> None:
            self.send(TaggedMessage(run_id=run_id, message=message))

        def send_line(level: str, text: str) -> None:
            send(LogLineMessage(job_id=job.job_id, level=level, text=text))

        def should_stop() -> bool:
            return run_id in self._cancelled

        here = get_ident()
        is_beside = here in self._beside
        with logged_to(send_line, (lambda thread: thread == here) if is_beside else self._is_of_drawing):
            closing: PrefetchedMessage | Outcome | Callable[[], FinishedMessage]
            background = JobFinishes(self._finish, send_line)
            if isinstance(command, PrefetchCommand):
                closing = self._closing_message(job, lambda: prefetch(job, self._cache))
            elif is_beside:
                closing = self._closing_message(job, FileJob(job, send, should_stop).draw)
            else:
                renderer = JobRenderer(job, self._cache, send, should_stop, background)
                closing = self._closing_message(job, renderer.draw)
        if isinstance(closing, FailedMessage | CancelledMessage) and self._has_lost_device(here):
            self._leave(closing, send)

        def close() -> None:
            send(self._closing_message(job, closing) if callable(closing) else closing)
            self._cancelled.discard(run_id)

        if callable(closing):
            background.submit(close)
        else:
            close()

    def _has_lost_device(self, thread: int) -> bool:
        """Return whether the device takes no more work, as far as the job of this thread uses it."""
        return thread not in self._beside and self._cache.has_lost_device()

    def _is_of_drawing(self, thread: int) -> bool:
        """Return whether a thread works for the job that is drawn: no job of its own, and no other job's files."""
        return thread not in self._beside and not self._finish.is_here(thread)

    def _leave(self, closing: Outcome, send: Callable[[Message], None]) -> NoReturn:
        """End the process, whose device is lost. Files that are being finished are finished first."""
        if isinstance(closing, FailedMessage):
            message = f"the device stopped working for this process: {closing.message}"
            closing = replace(closing, code=DEVICE_LOST, message=message, retryable=True)
        self._finish.end()  # the supervisor waits but seconds for the exit that it is told of
        self.send(LeavingMessage())
        send(closing)
        os._exit(EXIT_CODE)  # the library of the device would wait for it at an ordinary exit

    def send(self, answer: Answer) -> None:
        """Send one message. End the process if the supervisor is gone."""
        try:
            with self._send_lock:
                self._connection.sendall(framed(answer))
        except OSError:
            os._exit(0)

    def _read_commands(self) -> None:
        while (command := read_command(self._connection)) is not None:
            self._accept(command)
        os._exit(0)

    def _accept(self, command: Command) -> None:
        if isinstance(command, CancelCommand):
            self._cancel(command.run_id)
        elif isinstance(command, PingCommand):
            self.send(PongMessage())
        else:
            with self._waiting_lock:
                self._waiting[command.run_id] = command
            if isinstance(command, RunCommand) and command.job.model.files_at_once:
                Thread(target=self._run_beside, args=(command,), name="file", daemon=True).start()
            else:
                self._commands.put(command)

    def _cancel(self, run_id: int) -> None:
        """Stop a run between two steps, or at once if it has not begun."""
        with self._waiting_lock:
            waiting = self._waiting.pop(run_id, None)
        if waiting is None:
            self._cancelled.add(run_id)
        else:
            self.send(TaggedMessage(run_id=run_id, message=CancelledMessage(job_id=waiting.job.job_id)))

    def _closing_message(self, job: RenderJob, work: Callable[[], T]) -> T | FailedMessage | CancelledMessage:
        """Do the work and return its result, or the closing message that names its error."""
        detail = ""
        try:
            return work()
        except RenderCancelled:
            return CancelledMessage(job_id=job.job_id)
        except RenderFailed as failure:
            code, message, retryable = failure.code, failure.message, failure.retryable
            detail = failure.detail
        except (EncodingFailed, MediaInvalid) as failure:
            code, message, retryable = "ENCODE_FAILED", str(failure), True
            if is_full(failure):
                code, message = SCRATCH_FULL, NO_ROOM
        except MemoryError:
            code, message, retryable = "OUT_OF_MEMORY", "the memory was not enough for this job", True
        except Exception as error:
            print_trace(error)
            code, message = "RENDER_FAILED", error_kind(error)
            retryable = not isinstance(error, COMING_AGAIN)
            detail = error_text(error)
            if is_full(error):
                code, message, retryable = SCRATCH_FULL, NO_ROOM, True
        if code == "OUT_OF_MEMORY" and self._is_of_drawing(get_ident()):
            self._cache.clear()
        return FailedMessage(
            job_id=job.job_id, code=code, message=message, retryable=retryable, detail=detail
        )


def main() -> None:
    """Serve the supervisor that started this process. `--fd` is the socket that it passed on."""
    parser = ArgumentParser(prog="kinolog_worker.inference")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--model-memory", type=int, default=0)
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor handles Ctrl-C
    silence_output()
    sys.setswitchinterval(SWITCH_SECONDS)
    connection = socket.socket(fileno=arguments.fd)
    InferenceLoop(connection, ModelCache(arguments.device, arguments.model_memory)).serve()
