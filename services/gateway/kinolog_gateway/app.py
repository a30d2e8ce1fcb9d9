"""The gateway process: `python -m kinolog_gateway`, or `kinolog-gateway`."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import uvicorn

from kinolog.connections.tls import CertificateUnusable
from kinolog.ports.clock import system_clock
from kinolog.process import ready_line
from kinolog.process.api_keys import InvalidKeyFile
from kinolog.process.main import CannotStart, end_process_after, refuse_arguments, run_process
from kinolog.process.settings import GatewaySettings
from kinolog_gateway.http.credentials import keys_for
from kinolog_gateway.http.edge.bounded_protocol import protocol_within
from kinolog_gateway.http.edge.certificate import LoadedCertificate
from kinolog_gateway.http.edge.connection_limits import ConnectionLimits
from kinolog_gateway.http.edge.surroundings import ANY_ORIGIN, Surroundings
from kinolog_gateway.upstream import Upstream
from kinolog_gateway.web_app import create_app
from kinolog_gateway.web_page.built_page import WEB_FILES
from kinolog_gateway.websocket.protocol import LiveProtocol

NAME = "gateway"
STOP_SECONDS = 5
"""How long requests in progress may take to end when the gateway stops."""
CLOSE_SECONDS = 1.0
"""How long of that the clients of live updates may take to be closed with a reason."""
IDLE_SECONDS = 75
"""How long an idle connection is kept: longer than by usual clients, so that no request meets one that ends."""
CERTIFICATE_TICKS = 100
"""How often the files of the certificate are looked at: 10 s. A tick of uvicorn takes 0.1 s."""
OTHER_FILES = 256
"""Open files beside the connections of clients."""
CLIENT_MESSAGE_BYTES = 65_536
"""Longest message of a WebSocket client."""


class GatewayServer(uvicorn.Server):
    """uvicorn that announces its address when it serves, and exits with status 0 after SIGTERM or SIGINT.

    `end_long_requests` is called when it stops: streams of live updates never end by themselves, and calls that wait
    for a job end late.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        end_long_requests: Callable[[], Awaitable[None]],
        certificate: LoadedCertificate | None = None,
    ) -> None:
        super().__init__(config)
        self._certificate = certificate
        self._end_long_requests = end_long_requests

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve, then announce the address."""
        await super().startup(sockets)
        if self.started and sockets:
            ready_line.announce(NAME, url=_url(sockets[0], encrypted=self.config.is_ssl))

    async def on_tick(self, counter: int) -> bool:
        """Look at the files of the certificate, once in a while."""
        if counter % CERTIFICATE_TICKS == 0 and self._certificate is not None and self.config.ssl is not None:
            self._certificate.load_changed()
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; the process ends in time, whatever a request waits for."""
        if not self.should_exit:
            end_process_after(STOP_SECONDS + 2.0)
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the requests that would go on, then close the other connections."""
        for server in self.servers:
            server.close()
        await self._end_long_requests()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


def _url(listener: socket.socket, *, encrypted: bool) -> str:
    host, port = listener.getsockname()[:2]
    scheme = "https" if encrypted else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises OSError if the address cannot be bound."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def allow_open_files(connections: int) -> None:
    """Let the process have so many connections open, where the system allows it: shells often allow 1,024 files."""
    least = connections + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != soft < least:
        with suppress(ValueError, OSError):
            wanted = least if hard == resource.RLIM_INFINITY else min(least, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def server_for(settings: GatewaySettings, web_files: Path = WEB_FILES) -> GatewayServer:
    """Return the server for these settings, with the web page in a folder.

    Raises InvalidKeyFile, CertificateUnusable and CannotStart.
    """
    keys = keys_for(
        settings.gateway_host,
        settings.api_key_file,
        require_key=settings.require_key or bool(settings.oidc_issuers),
        no_auth=settings.no_auth,
    )
    surroundings = Surroundings(
        trusted_proxies=tuple(settings.gateway_trusted_proxies),
        path_prefix=settings.gateway_path_prefix,
        cors_origins=tuple(settings.gateway_cors_origins),
    )
    if surroundings.allows_origin(ANY_ORIGIN) and not keys:
        raise CannotStart(
            "KINOLOG_GATEWAY_CORS_ORIGINS is *, so that every web page could use this gateway, which has no keys: "
            "list origins, or set KINOLOG_API_KEY_FILE"
        )
    limits = ConnectionLimits(
        in_all=settings.gateway_connections,
        for_one_address=settings.gateway_address_connections,
        head_seconds=settings.gateway_head_seconds,
        body_seconds=settings.gateway_body_seconds,
        trusted_proxies=tuple(settings.gateway_trusted_proxies),
    )
    files, api_certificate = settings.gateway_certificate(), settings.api_certificate()
    certificate = None if files is None else LoadedCertificate(files)
    if api_certificate is not None:
        api_certificate.content()  # what is wrong with its files is an error at start
    app = create_app(
        lambda: Upstream(settings.api_target, api_certificate), keys, system_clock, surroundings, web_files
    )

    async def end_long_requests() -> None:
        app.state.job_waits.stop()
        app.state.live_video_reads.end()
        await app.state.broadcasts.close_clients(CLOSE_SECONDS)

    return GatewayServer(
        uvicorn.Config(
            app,
            http=protocol_within(limits),
            ws=LiveProtocol,
            ws_max_size=CLIENT_MESSAGE_BYTES,
            ws_per_message_deflate=False,
            lifespan="on",
            log_config=None,
            log_level="warning",  # its lines about connections quote their query, which may hold a key by mistake
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
            ssl_context_factory=certificate.context if certificate is not None else None,
        ),
        end_long_requests=end_long_requests,
        certificate=certificate,
    )


async def serve(settings: GatewaySettings) -> None:
    """Serve until SIGTERM or SIGINT, then let requests in progress end."""
    server = server_for(settings)
    allow_open_files(settings.gateway_connections)
    try:
        listener = listen(settings.gateway_host, settings.gateway_port)
    except OSError as error:
        raise CannotStart(
            f"cannot listen on {settings.gateway_host}:{settings.gateway_port}: {error.strerror}; "
            "set KINOLOG_GATEWAY_PORT to a free port, or to 0 for any"
        ) from error
    await server.serve([listener])


def main() -> None:
    """Serve until SIGTERM or SIGINT. Exits with status 2 if the gateway cannot start."""
    refuse_arguments("kinolog-gateway", "Serves REST and WebSocket to clients, and calls the api.")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # gRPC writes to standard error in a format of its own
    run_process(NAME, GatewaySettings, serve, (InvalidKeyFile, CertificateUnusable))


if __name__ == "__main__":  # `python -m` of a module, as earlier deployments start it
    main()
