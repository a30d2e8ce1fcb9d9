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
from kinolog.privacy.job_keys import StoredJobKeys
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
OTHER_VERSION = (
    "this worker is of another version than the api and the projector: upgrade it (docs/running.md)"
)
API_SUBSCRIPTIONS = 16
"""Of an api, while the projector has one: as a job starts, the projector is busy with the commit that submitted it."""
_INBOXES = f"{inbox_prefix(Service.WORKER)}."


class _NoAnswer(LogUnavailable):
    """Nobody answered the request, or not readably."""


class RequestedJobKeys:
    """The keys of jobs, as one worker asks for them. Its own key lives as long as its process."""

    def __init__(self, client: Client, retry_timeout_seconds: float = RETRY_TIMEOUT_SECONDS) -> None:
        self._client = client
        self._patience_seconds = retry_timeout_seconds
        self._receiver = EnvelopeReceiver()

    @property
    def public_key(self) -> bytes:
        """The key for which keys of jobs are encrypted. The start of an attempt states it."""
        return self._receiver.public_key

    async def is_stored(self, job_id: str) -> bool:
        """Return whether the key of a job that has not ended is stored. Raises `LogUnavailable`."""
        response = await self._response(pb.KeyRequest(job_id=job_id, purpose=pb.KEY_PURPOSE_CHECK))
        return response.stored or bool(response.encrypted_key)  # an api of an earlier version sends the key

    async def of_attempt(self, job_id: str, attempt: int) -> bytes | None:
        """Return the key of the job of an attempt of this worker; None if none is stored. Raises `LogUnavailable`."""
        return await self._key(pb.KeyRequest(job_id=job_id, purpose=pb.KEY_PURPOSE_ATTEMPT, attempt=attempt))

    async def of_prefetch(self, job_id: str) -> bytes | None:
        """Return the key of a job to prefetch for; None if none is stored. Raises `LogUnavailable`."""
        return await self._key(pb.KeyRequest(job_id=job_id, purpose=pb.KEY_PURPOSE_PREFETCH))

    async def _key(self, request: pb.KeyRequest) -> bytes | None:
        response = await self._response(request)
        if not response.encrypted_key:
            return None
        try:
            return self._receiver.read(response.encrypted_key, request.job_id)
        except EnvelopeUnreadable as error:
            raise LogUnavailable(str(error)) from error

    async def _response(self, request: pb.KeyRequest) -> pb.KeyResponse:
        request.public_key = self.public_key
        send = partial(self._request, request.SerializeToString())
        response = await retry_until_answered(send, self._patience_seconds, _NoAnswer)
        if response.problem:
            raise LogUnavailable(response.problem)
        return response

    async def _request(self, request: bytes) -> pb.KeyResponse:
        try:
            message = await self._client.request(subjects.KEY_REQUESTS, request, timeout=ANSWER_SECONDS)
            return pb.KeyResponse.FromString(message.data)
        except (*NO_ANSWER, nats.errors.Error, DecodeError) as error:
            what = "no api and no projector answers with the key of a job"
            raise _NoAnswer(f"{what}: {str(error) or type(error).__name__}") from error


class KeyRequests:
    """Answers the requests of workers. `open` it first, `close` it before its connection.

    The server gives each request to one of all `subscriptions` of all processes: a process with several of them answers
    more often than one that has one.
    """

    def __init__(self, client: Client, keys: StoredJobKeys, subscriptions: int = 1) -> None:
        self._client = client
        self._keys = keys
        self._answers = BackgroundTasks()
        self._count = subscriptions
        self._subscriptions: list[Subscription] = []

    async def open(self) -> None:
        """Subscribe. The client subscribes again with each connection. Raises `LogUnavailable`."""
        try:
            for _ in range(self._count):
                self._subscriptions.append(
                    await self._client.subscribe(
                        subjects.KEY_REQUESTS, queue=subjects.KEY_ANSWERERS, cb=self._receive
                    )
                )
        except (nats.errors.Error, *NO_ANSWER) as error:
            raise log_unavailable("requests for keys cannot be subscribed to", error) from error

    async def close(self) -> None:
        """End the subscriptions and the answers in preparation."""
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            if not self._client.is_closed:
                with contextlib.suppress(nats.errors.Error, *NO_ANSWER):
                    await subscription.unsubscribe()
        await self._answers.ended()

    async def _receive(self, message: Msg) -> None:
        if message.reply.startswith(_INBOXES) and len(self._answers) < MOST_ANSWERS:
            self._answers.start(self._answer(message))

    async def _answer(self, message: Msg) -> None:
        try:
            response = await self._response(pb.KeyRequest.FromString(message.data))
        except (LogUnavailable, DamagedLog) as error:
            response = pb.KeyResponse(problem=str(error))
        except (DecodeError, ValueError, nats.errors.BadSubjectError) as error:
            response = pb.KeyResponse(problem=f"this is no request for a key ({type(error).__name__})")
        with contextlib.suppress(nats.errors.Error, *NO_ANSWER):
            await self._client.publish(message.reply, response.SerializeToString())

    async def _response(self, request: pb.KeyRequest) -> pb.KeyResponse:
        match request.purpose:
            case pb.KEY_PURPOSE_CHECK:
                return pb.KeyResponse(stored=await self._keys.is_stored(request.job_id))
            case pb.KEY_PURPOSE_ATTEMPT:
                key = await self._keys.of_attempt(request.job_id, request.attempt, request.public_key)
            case pb.KEY_PURPOSE_PREFETCH:
                key = await self._keys.of_prefetch(request.job_id)
            case _:
                return pb.KeyResponse(problem=OTHER_VERSION)
        if key is None:
            return pb.KeyResponse()
        envelope = envelope_for(request.public_key, key, request.job_id)
        extra = fields("key_given", job=request.job_id, attempt=request.attempt)
        logger.info("a worker got the key of a job", extra=extra)
        return pb.KeyResponse(encrypted_key=envelope, stored=True)
