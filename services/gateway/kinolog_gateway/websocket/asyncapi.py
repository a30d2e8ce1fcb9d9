"""The AsyncAPI 3 document of /ws, generated from the message models.

`python -m kinolog_gateway.websocket.asyncapi` prints the content of docs/asyncapi.yaml.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from kinolog_gateway.live.channels import Ping, Subscribe, Unsubscribe
from kinolog_gateway.live.messages import SERVER_MESSAGES

CLIENT_MESSAGES: tuple[type[BaseModel], ...] = (Subscribe, Unsubscribe, Ping)
DESCRIPTION = """\
Live updates of jobs. Every message is one JSON object in a text frame. A client subscribes to channels: `jobs` (updates
of every job), `job:<id>` (one job, with previews), `logs:<id>` (its log lines) and `queue` (job counts by status).

Every message of the server carries `position`. A client that reconnects subscribes with `after` set to the greatest
position it has received. It then misses nothing and receives no commit twice. For `logs:<id>`, `after` is the greatest
`sequence` of its lines. Without `after`, `job:<id>` starts with the job's current state, `logs:<id>` with the last 20
lines, `queue` with the counts, and `jobs` with the next update.

| message | its `position` |
| --- | --- |
| `job_completed`, `job_failed`, `job_cancelled`, `job_status_update` after a commit | the position of the commit |
| `job_status_update` for progress, `job_preview`, `job_log_entry`, `queue_updated` | a position that the client can \
resume after: every commit of its channels up to there was sent before |
| `error`, `pong` | the position of the message sent before it on the connection; 0 if there is none |

Progress, previews and counts are conflated to the newest. Messages about a job's end never are. The gateway closes a
client that reads too slowly with code 1013, and every client with 1012 when it stops; both can resume with `after`. \
It closes a client that sends too much with 1008: at most 100 messages and pings a second, after 2,000 at once.
"""
EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "Subscribe": [
        {"type": "subscribe", "channel": "jobs", "after": 1042},
        {"type": "subscribe", "channel": "job:abcdefghijklmnopqrstuvwxyz"},
    ],
    "Unsubscribe": [{"type": "unsubscribe", "channel": "queue"}],
    "Ping": [{"type": "ping", "id": "1"}],
    "Pong": [{"type": "pong", "position": 1042, "data": {"id": "1"}}],
    "QueueUpdated": [
        {
            "type": "queue_updated",
            "position": 1042,
            "data": {"total": 9, "queued": 3, "processing": 1, "completed": 4, "failed": 1, "cancelled": 0},
        }
    ],
    "JobLogEntry": [
        {
            "type": "job_log_entry",
            "position": 1042,
            "job_id": "abcdefghijklmnopqrstuvwxyz",
            "data": {
                "sequence": 7,
                "at": "2026-11-22T15:00:00Z",
                "attempt": 1,
                "level": "info",
                "message": "scene 1 of 2 rendered in 3.4 s",
            },
        }
    ],
    "ErrorMessage": [
        {
            "type": "error",
            "position": 1042,
            "data": {
                "reason": "MALFORMED_MESSAGE",
                "message": "type must be one of subscribe, unsubscribe, ping",
                "channel": None,
            },
        }
    ],
}

SECURITY_SCHEMES: dict[str, dict[str, Any]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, from clients that send headers.",
    },
    "header": {"type": "httpApiKey", "in": "header", "name": "X-API-Key"},
    "subprotocol": {
        "type": "httpApiKey",
        "in": "header",
        "name": "Sec-WebSocket-Protocol",
        "description": "For browsers: the subprotocols `kinolog` and `kinolog.key.<key or ticket>`; the ticket is one "
        "of POST /api/v1/tickets, and opens one connection.",
    },
}
SECURITY = {"security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in SECURITY_SCHEMES]}
"""One of these for a gateway with keys. One without keys needs none."""


@cache
def asyncapi_document() -> dict[str, Any]:
    """Return the document. Generated once."""
    models = (*SERVER_MESSAGES, *CLIENT_MESSAGES)
    modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (model, "serialization" if model in SERVER_MESSAGES else "validation") for model in models
    ]
    _, definitions = models_json_schema(modes, ref_template="#/components/schemas/{model}")
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "kinolog live updates", "version": "1", "description": DESCRIPTION},
        "servers": {
            "local": {"host": "127.0.0.1:8085", "protocol": "ws", "description": "A gateway on this machine."}
            | SECURITY
        },
        "defaultContentType": "application/json",
        "channels": {
            "ws": {
                "address": "/ws",
                "messages": {_name(m): {"$ref": f"#/components/messages/{_name(m)}"} for m in models},
            }
        },
        "operations": {
            "sendToClient": _operation("send", "Messages from the gateway to a client.", SERVER_MESSAGES),
            "receiveFromClient": _operation(
                "receive", "Messages from a client to the gateway.", CLIENT_MESSAGES
            ),
        },
        "components": {
            "securitySchemes": SECURITY_SCHEMES,
            "messages": {_name(model): _message(model) for model in models},
            "schemas": definitions["$defs"],
        },
    }


def _name(model: type[BaseModel]) -> str:
    """Return the name of a message: the value of its `type`."""
    return str(get_args(model.model_fields["type"].annotation)[0])


def _operation(action: str, summary: str, models: tuple[type[BaseModel], ...]) -> dict[str, Any]:
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": "#/channels/ws"},
        "messages": [{"$ref": f"#/channels/ws/messages/{_name(model)}"} for model in models],
    }


def _message(model: type[BaseModel]) -> dict[str, Any]:
    message: dict[str, Any] = {
        "name": _name(model),
        "summary": (model.__doc__ or "").strip(),
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
    }
    examples = EXAMPLES.get(model.__name__)
    if examples:
        message["examples"] = [{"payload": example} for example in examples]
    return message


def yaml_text() -> str:
    """Return the document as docs/asyncapi.yaml contains it."""
    import yaml  # a development dependency

    class Dumper(yaml.SafeDumper):
        """Writes multi-line strings as blocks and no aliases."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    def literal(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
        style = "|" if "\n" in text else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, literal)
    document = asyncapi_document()
    return str(yaml.dump(document, Dumper=Dumper, sort_keys=False, width=110, allow_unicode=True))


if __name__ == "__main__":
    sys.stdout.write(yaml_text())
