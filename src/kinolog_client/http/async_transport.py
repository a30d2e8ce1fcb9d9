"""Performs operations with httpx, in an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx

from kinolog_client.defaults import user_agent
from kinolog_client.endpoint import Endpoint
from kinolog_client.http.connection_pool import POOL_LIMITS
from kinolog_client.http.file_transfer import FileTransfer
from kinolog_client.http.network_errors import proxy_errors, unreachable
from kinolog_client.http.operation import HttpAnswer, Operation, T
from kinolog_client.http.retry import RetryPolicy
from kinolog_client.http.sent_file import multipart_of


class AsyncTransport:
    """The REST connections of one `AsyncKinologClient`, of one event loop."""

    def __init__(self, endpoint: Endpoint, timeout_seconds: float, policy: RetryPolicy) -> None:
        self.endpoint = endpoint
        self.policy = policy
        self._timeout_seconds = timeout_seconds
        trust = endpoint.trust
        with proxy_errors():
            self._http = httpx.AsyncClient(
                verify=trust,
                trust_env=endpoint.uses_environment,
                limits=POOL_LIMITS,
                headers={"user-agent": user_agent()},
            )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, operation: Operation[T]) -> T:
        """Perform an operation. Raises `GatewayError`."""
        url, failures, refusals = self.endpoint.url, 0, 0
        timeout_seconds = operation.timeout_seconds or self._timeout_seconds
        while True:
            try:
                with multipart_of(operation.file) as files:
                    answer = await self._http.request(
                        operation.method,
                        url + operation.path,
                        params=operation.params or None,
                        json=operation.body,
                        files=files,
                        headers=(self.endpoint.headers if operation.with_key else {})
                        | dict(operation.headers),
                        timeout=timeout_seconds,
                    )
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                failures += 1
                pause = self.policy.pause_seconds(error, failures, repeatable=operation.repeatable)
                if pause is None:
                    raise unreachable(self.endpoint, error, timeout_seconds) from error
                await asyncio.sleep(pause)
            else:
                refusals += 1
                pause = self.policy.wait_seconds(answer.status_code, answer.headers, refusals)
                if pause is None:
                    return operation.result(
                        url, HttpAnswer(answer.status_code, answer.headers, answer.content)
                    )
                await asyncio.sleep(pause)

    async def read_file(self, transfer: FileTransfer) -> AsyncIterator[bytes]:
        """Yield the bytes of a file. Raises `GatewayError`."""
        url = self.endpoint.url
        timeout_seconds = transfer.operation.timeout_seconds or self._timeout_seconds
        while True:
            headers = self.endpoint.headers | transfer.headers()
            try:
                async with self._http.stream(
                    "GET",
                    url + transfer.operation.path,
                    params=transfer.operation.params or None,
                    headers=headers,
                    timeout=timeout_seconds,
                ) as answer:
                    if transfer.is_at_end(answer.status_code, answer.headers):
                        return
                    if answer.is_error:
                        content = await answer.aread()
                        transfer.operation.result(
                            url, HttpAnswer(answer.status_code, answer.headers, content)
                        )
                    transfer.on_answer(answer.status_code, answer.headers)
                    async for chunk in answer.aiter_bytes(transfer.chunk_bytes):
                        transfer.on_chunk(chunk)
                        yield chunk
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                pause = transfer.pause_seconds(error)
                if pause is None:
                    raise unreachable(self.endpoint, error, timeout_seconds) from error
                await asyncio.sleep(pause)
            else:
                transfer.on_end()
                return
