"""Errors of httpx as errors of the client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from kinolog_client.endpoint import Endpoint
from kinolog_client.errors import GatewayUnreachable, InvalidSettings


def unreachable(endpoint: Endpoint, error: Exception, timeout_seconds: float) -> GatewayUnreachable:
    """Return the client's error for a network error of a request that could take `timeout_seconds`."""
    if isinstance(error, httpx.TimeoutException):
        return GatewayUnreachable(endpoint.url, f"it did not answer within {timeout_seconds:g} s")
    return GatewayUnreachable(
        endpoint.url,
        str(error) or type(error).__name__,
        not_running=endpoint.is_loopback and _is_refused(error),
    )


@contextmanager
def proxy_errors() -> Iterator[None]:
    """Raise `InvalidSettings` for a proxy or certificates of the environment that httpx refuses."""
    try:
        yield
    except ImportError as error:
        raise InvalidSettings(
            "the environment names a SOCKS proxy, which needs `pip install 'httpx[socks]'`; "
            "install it, unset ALL_PROXY, or give trust_env=False"
        ) from error
    except OSError as error:
        raise InvalidSettings(
            f"the trusted certificates cannot be read ({error}); correct SSL_CERT_FILE and SSL_CERT_DIR, or give "
            "trust_env=False"
        ) from error
    except (ValueError, httpx.InvalidURL) as error:
        raise InvalidSettings(
            "the environment names a proxy that cannot be used; correct HTTP_PROXY, HTTPS_PROXY and ALL_PROXY, "
            "or give trust_env=False"
        ) from error


def _is_refused(error: BaseException) -> bool:
    """Return whether a refused connection is among the causes of an error."""
    if isinstance(error, ConnectionRefusedError):
        return True
    causes = [error.__cause__, error.__context__]
    if isinstance(error, BaseExceptionGroup):
        causes += error.exceptions
    return any(_is_refused(cause) for cause in causes if cause is not None)
