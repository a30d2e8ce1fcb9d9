"""The inference process itself: takes commands from a socket, one at a time, and answers on it.

A thread listens, so that a cancellation is noticed while a job runs, and so that the process ends at once when its
supervisor is gone. Everything else happens in the main thread, where libraries expect to live.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import sys
import traceback
from argparse import ArgumentParser
from collections.abc import Callable
from queue import Queue
from threading import Lock, Thread

from kinolog_worker.inference.framing import packed, read_command
from kinolog_worker.inference.job_renderer import JobRenderer, prefetch
from kinolog_worker.inference.messages import (
    Answer,
    CancelCommand,
    CancelledMessage,
    Command,
    FailedMessage,
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
from kinolog_worker.media.encoder import EncodingFailed
from kinolog_worker.media.video_check import MediaInvalid
from kinolog_worker.renderers.renderer import RenderCancelled, RenderFailed

_PRODUCT_LOG = "kinolog_worker"


class InferenceLoop:
    """Serves one supervisor until it hangs up."""

    def __init__(self, connection: socket.socket, shelf: ModelCache) -> None:
        self._connection = connection
        self._shelf = shelf
        self._sending = Lock()
        self._commands: Queue[RunCommand | PrefetchCommand] = Queue()
        self._cancelled: set[int] = set()

    def serve(self) -> None:
        """Work until the supervisor is gone; never returns."""
        Thread(target=self._listen, name="listen", daemon=True).start()
        self.send(ReadyMessage(os.getpid()))
        while True:
            self._do(self._commands.get())

    def _do(self, command: RunCommand | PrefetchCommand) -> None:
        """Carry out one command; its closing message is sent whatever happens."""
        job, run_id = command.job, command.run_id

        def tell(message: Message | PrefetchedMessage) -> None:
            self.send(TaggedMessage(run_id, message))

        handler = _JobLog(job.job_id, tell)
        logging.getLogger(_PRODUCT_LOG).addHandler(handler)
        try:
            if isinstance(command, PrefetchCommand):
                closing = self._closed(job, lambda: prefetch(job, self._shelf))
            else:
                run = JobRenderer(job, self._shelf, tell, lambda: run_id in self._cancelled)
                closing = self._closed(job, run.execute)
        finally:
            logging.getLogger(_PRODUCT_LOG).removeHandler(handler)
            self._cancelled.discard(run_id)
        tell(closing)

    def send(self, answer: Answer) -> None:
        """Send one message; when nobody is there any more the process ends."""
        try:
            with self._sending:
                self._connection.sendall(packed(answer))
        except OSError:
            os._exit(0)

    def _listen(self) -> None:
        while (command := read_command(self._connection)) is not None:
            self._take(command)
        os._exit(0)

    def _take(self, command: Command) -> None:
        if isinstance(command, CancelCommand):
            self._cancelled.add(command.run_id)
        else:
            self._commands.put(command)

    def _closed(
        self, job: RenderJob, work: Callable[[], Outcome | PrefetchedMessage]
    ) -> Outcome | PrefetchedMessage:
        """Do the work and give its closing message, whatever happens."""
        try:
            return work()
        except RenderCancelled:
            return CancelledMessage(job.job_id)
        except RenderFailed as failure:
            if failure.code == "OUT_OF_MEMORY":
                self._shelf.clear()
            return FailedMessage(job.job_id, failure.code, failure.message, failure.retryable)
        except (EncodingFailed, MediaInvalid) as failure:
            return FailedMessage(job.job_id, "ENCODE_FAILED", str(failure), retryable=True)
        except MemoryError:
            self._shelf.clear()
            return FailedMessage(
                job.job_id, "OUT_OF_MEMORY", "the memory was not enough for this job", retryable=True
            )
        except Exception as error:
            _print_trace(error)
            full = isinstance(error, OSError) and error.errno == errno.ENOSPC
            return FailedMessage(
                job.job_id, "DISK_FULL" if full else "RENDER_FAILED", told(error, job), retryable=True
            )


class _JobLog(logging.Handler):
    """Makes log records of this product lines of the job's log."""

    def __init__(self, job_id: str, send: Callable[[Message], None]) -> None:
        super().__init__(logging.INFO)
        self._job_id = job_id
        self._send_line = send

    def emit(self, record: logging.LogRecord) -> None:
        self._send_line(LogLineMessage(self._job_id, record.levelname, record.getMessage()))


def told(error: BaseException, job: RenderJob) -> str:
    """An unforeseen error in words, without any words of the prompt: libraries like to quote what they were given."""
    text = " ".join(str(error).split())
    for secret in (job.negative_prompt, *(scene.prompt for scene in job.scenes)):
        words = " ".join(secret.split())
        if words and (words in text or any(part in text for part in _phrases(words))):
            return f"{type(error).__name__} (its text quotes the prompt and is left out)"
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def _phrases(words: str) -> list[str]:
    """Runs of three words, which is enough to recognise a prompt that was cut."""
    split = words.split(" ")
    return [" ".join(split[start : start + 3]) for start in range(len(split) - 2)]


def _print_trace(error: Exception) -> None:
    """Where it happened, without what it said."""
    sys.stderr.write(f"{type(error).__name__} in the inference process\n")
    sys.stderr.write("".join(traceback.format_tb(error.__traceback__)))
    sys.stderr.flush()


def main() -> None:
    """Entry of the child process. `--fd` is the socket that the supervisor passed on."""
    parser = ArgumentParser(prog="kinolog_worker.inference")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--models", type=int, default=1)
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to answer
    logging.getLogger(_PRODUCT_LOG).setLevel(logging.INFO)
    connection = socket.socket(fileno=arguments.fd)
    InferenceLoop(connection, ModelCache(arguments.device, arguments.models)).serve()
