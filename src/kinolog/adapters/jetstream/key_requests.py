"""Requests of workers for the keys of jobs, and those who answer them. See decision 113.

A request goes to one of the processes that have the keys: the apis and the projector. They answer to inboxes of
workers alone: with another reply subject a worker would write where only they may, such as to the stream of API keys.
"""

from __future__ import annotations

import contextlib
import logging
from functools import partial

import nats.errors
from google.protobuf.message import DecodeError
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import NO_ANSWER, log_unavailable
from kinolog.adapters.jetstream.client.retry import retry_until_answered
from kinolog.adapters.jetstream.subjects import Service, inbox_prefix
from kinolog.ports.event_store import DamagedLog, LogUnavailable
from kinolog.ports.keys import JobKeys
from kinolog.privacy.key_envelope import EnvelopeReceiver, EnvelopeUnreadable, envelope_for
from kinolog.process.logs import fields
from kinolog.process.tasks import BackgroundTasks
from kinolog.v1 import key_request_pb2 as pb

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 3.0
"""How long a worker waits for one answer. A process that is frozen may have got the request."""
RETRY_TIMEOUT_SECONDS = 15.0
MOST_ANSWERS = 200
"""Answers in preparation. The workers whose requests are dropped ask again."""
_INBOXES = f"{inbox_prefix(Service.WORKER)}."


class _NoAnswer(LogUnavailable):
    """Nobody answered the request, or not readably."""


class RequestedJobKeys:
    """The keys of jobs, as a worker asks for them."""

    def __init__(self, client: Client, retry_timeout_seconds: float = RETRY_TIMEOUT_SECONDS) -> None:
        self._client = client
        self._patience_seconds = retry_timeout_seconds

    async def of_job(self, job_id: str) -> bytes | None:
        """Return the key of a job that has not ended; None if none is stored. Raises `LogUnavailable`."""
        ask = partial(self._request, job_id)
        return await retry_until_answered(ask, self._patience_seconds, _NoAnswer)

    async def _request(self, job_id: str) -> bytes | None:
        receiver = EnvelopeReceiver()
        request = pb.KeyRequest(job_id=job_id, public_key=receiver.public_key)
        try:
            message = await self._client.request(
                subjects.KEY_REQUESTS, request.SerializeToString(), timeout=ANSWER_SECONDS
            )
            response = pb.KeyResponse.FromString(message.data)
            if response.encrypted_key:
                return receiver.read(response.encrypted_key, job_id)
        except (*NO_ANSWER, nats.errors.Error, DecodeError, EnvelopeUnreadable) as error:
            what = "no api and no projector answers with the key of a job"
            raise _NoAnswer(f"{what}: {str(error) or type(error).__name__}") from error
        if response.problem:
            raise LogUnavailable(response.problem)
        return None


class KeyRequests:
    """Answers the requests of workers. `open` it first, `close` it before its connection."""

    def __init__(self, client: Client, keys: JobKeys) -> None:
        self._client = client
        self._keys = keys
        self._answers = BackgroundTasks()
        self._subscription: Subscription | None = None

    async def open(self) -> None:
        """Subscribe. The client subscribes again with each connection. Raises `LogUnavailable`."""
        try:
            self._subscription = await self._client.subscribe(
                subjects.KEY_REQUESTS, queue=subjects.KEY_ANSWERERS, cb=self._receive
            )
        except (nats.errors.Error, *NO_ANSWER) as error:
            raise log_unavailable("requests for keys cannot be subscribed to", error) from error

    async def close(self) -> None:
        """End the subscription and the answers in preparation."""
        if self._subscription is not None and not self._client.is_closed:
            with contextlib.suppress(nats.errors.Error, *NO_ANSWER):
                await self._subscription.unsubscribe()
        self._subscription = None
        await self._answers.ended()

    async def _receive(self, message: Msg) -> None:
        if message.reply.startswith(_INBOXES) and len(self._answers) < MOST_ANSWERS:
            self._answers.start(self._answer(message))

    async def _answer(self, message: Msg) -> None:
        try:
            request = pb.KeyRequest.FromString(message.data)
            key = await self._keys.of_job(request.job_id)
            response = pb.KeyResponse()
            if key is not None:
                response.encrypted_key = envelope_for(request.public_key, key, request.job_id)
                logger.info("a worker got the key of a job", extra=fields("key_given", job=request.job_id))
        except (LogUnavailable, DamagedLog) as error:
            response = pb.KeyResponse(problem=str(error))
        except (DecodeError, ValueError, nats.errors.BadSubjectError) as error:
            response = pb.KeyResponse(problem=f"this is no request for a key ({type(error).__name__})")
        with contextlib.suppress(nats.errors.Error, *NO_ANSWER):
            await self._client.publish(message.reply, response.SerializeToString())
