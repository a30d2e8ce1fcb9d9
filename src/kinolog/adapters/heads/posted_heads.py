"""An address that gets signed heads by POST."""

from __future__ import annotations

import httpx

from kinolog.merkle.witness import PublishedHead
from kinolog.network_addresses import without_secrets
from kinolog.ports.tree.head_target import HeadNotSent

SECONDS = 15.0


class HttpAddress:
    """An address of an HTTP server. A closed one connects again with the next request."""

    def __init__(self, url: str) -> None:
        """Take an address. Raises `ValueError` if it is none."""
        self.name = without_secrets(url)
        try:
            if not httpx.URL(url).host:
                raise ValueError(f"{self.name} has no host")
        except httpx.InvalidURL as error:
            raise ValueError(f"{self.name} is no address: {error}") from error
        self._url = url
        self._client: httpx.AsyncClient | None = None

    async def post(self, content: bytes, headers: dict[str, str]) -> bytes:
        """Send a request by POST. Return the answer. Raises `HeadNotSent`."""
        client = self._client = self._client or httpx.AsyncClient(timeout=SECONDS)
        try:
            answer = await client.post(self._url, content=content, headers=headers)
        except httpx.HTTPError as error:
            raise HeadNotSent(str(error) or type(error).__name__) from error
        if not answer.is_success:
            raise HeadNotSent(f"it answers {answer.status_code} {answer.reason_phrase}".strip())
        return answer.content

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


class PostedHeads:
    """Sends each head as the line of `heads.log`: a JSON object. Any answer of 2xx accepts it."""

    every_seconds = 0.0

    def __init__(self, url: str) -> None:
        """Take an address. Raises `ValueError` if it is none."""
        self._address = HttpAddress(url)

    @property
    def name(self) -> str:
        return self._address.name

    async def send(self, head: PublishedHead) -> bytes:
        headers = {"Content-Type": "application/json", "webhook-id": f"head-{head.signed.number}"}
        await self._address.post(head.line.encode(), headers)
        return b""

    async def close(self) -> None:
        await self._address.close()
