"""The two clients have one interface, which covers the gateway's routes; importing it takes nothing along."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, get_type_hints

from kinolog_client import AsyncKinologClient, CommitSelection, KinologClient, VideoRequest, operations
from kinolog_client.exports.transfer import events_operation
from kinolog_client.http.file_transfer import (
    FILES,
    bundle_operation,
    export_operation,
    file_operation,
    live_video_operation,
    video_info,
)
from kinolog_client.http.operation import Operation
from tests.unit.gateway.conftest import RunningGateway

OPERATIONS = [
    import_module(found.name) for found in iter_modules(operations.__path__, f"{operations.__name__}.")
]
ASYNC_ONLY = {"live_feed": "screens run in an event loop"}
NO_METHOD = {
    ("GET", "/metrics"): "Prometheus reads it",
    ("GET", "/api/v1/live"): "the client has the WebSocket, which says the same",
}
FORBIDDEN = (
    "pyarrow",
    "torch",
    "grpc",
    "textual",
    "nats",
    "sqlalchemy",
    "psycopg",
    "pydantic_settings",
    "uvicorn",
)


def methods_of(client: type) -> dict[str, Any]:
    """The public methods of a client."""
    found = {name: value for kind in reversed(client.__mro__[:-1]) for name, value in vars(kind).items()}
    return {name: value for name, value in found.items() if not name.startswith("_")}


def test_both_clients_have_the_same_methods() -> None:
    """Names, parameters, defaults, docstrings are the same; where one yields or returns, so does the other."""
    blocking, in_loop = methods_of(KinologClient), methods_of(AsyncKinologClient)
    assert set(in_loop) - set(blocking) == set(ASYNC_ONLY)
    assert set(blocking) <= set(in_loop)
    for name, method in blocking.items():
        other = in_loop[name]
        if isinstance(method, property):
            continue
        mine, theirs = inspect.signature(method), inspect.signature(other)
        assert list(mine.parameters.values()) == list(theirs.parameters.values()), name
        assert inspect.getdoc(method) == inspect.getdoc(other), name
        result = str(theirs.return_annotation).removeprefix("Async").replace(", None, None]", "]")
        assert str(mine.return_annotation).replace(", None, None]", "]") == result.replace(", None]", "]"), (
            name
        )
        yields = "terator[" in result or "Generator[" in result
        assert yields or inspect.iscoroutinefunction(other), name


def test_every_method_names_its_result() -> None:
    """Each operation declares the type of its result, so that callers are checked."""
    for module in OPERATIONS:
        for name, function in _described(module).items():
            assert get_type_hints(function)["return"] is not Operation, name
            assert function.__doc__, name


def _described(module: Any) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and not name.startswith("_") and value.__module__ == module.__name__
    }


async def test_every_route_has_a_method(gateway: RunningGateway) -> None:
    """The OpenAPI document lists no route that no method reaches, and no method reaches another."""
    document = (await gateway.client.get("/openapi.json")).json()
    served = {(verb.upper(), path) for path, verbs in document["paths"].items() for verb in verbs}
    described = [function for module in OPERATIONS for function in _described(module).values()]
    reached = {_route(function) for function in described} | {_route(video_info)}
    reached.add((export_operation("a", "gif").method, export_operation("a", "gif").route))
    reached.add((live_video_operation("a").method, live_video_operation("a").route))
    for whole in (events_operation(CommitSelection()), bundle_operation({})):
        reached.add((whole.method, whole.route))
    for file in FILES:
        operation = file_operation("a", file, 0 if "scene" in file else None, 0 if file == "input" else None)
        reached.add((operation.method, operation.route))
    foreign = ("/v1/", "/replicate/", "/veo/", "/fal/")  # these have clients of their own
    own = {(verb, path) for verb, path in served if not path.startswith(foreign)}
    assert own - reached == set(NO_METHOD)
    assert reached - served == set()


def _route(function: Any) -> tuple[str, str]:
    required = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is inspect.Parameter.empty
    ]
    given = (VideoRequest(prompt="x") if "VideoRequest" in str(each.annotation) else "x" for each in required)
    operation = function(*given)
    return operation.method, operation.route


def test_every_operation_is_a_method() -> None:
    """What is described is offered."""
    names = {name for module in OPERATIONS for name in _described(module)}
    assert names <= set(methods_of(KinologClient))


def test_the_import_is_light() -> None:
    """`import kinolog_client` loads nothing; its names load httpx, pydantic and websockets, of kinolog the backoff.

    The classes of events are loaded when commits are replayed.
    """
    code = (
        "import sys, time; start = time.perf_counter(); import kinolog_client; "
        "took = time.perf_counter() - start; assert 'httpx' not in sys.modules; "
        "[getattr(kinolog_client, name) for name in kinolog_client.__all__]; "
        f"found = [m for m in sys.modules if m.split('.')[0] in {FORBIDDEN!r}]; "
        "own = sorted(m for m in sys.modules if m.startswith(('kinolog.', 'kinolog_client.replay'))); "
        "print(took < 0.3, found, own)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True [] ['kinolog.process', 'kinolog.process.backoff']"
