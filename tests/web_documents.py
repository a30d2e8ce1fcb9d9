"""Writes the documents that the types of the web page are generated from: `python -m tests.web_documents FOLDER`.

`rest.json` is the OpenAPI document of the gateway. `live.json` has the schemas of its AsyncAPI document as an OpenAPI
document without routes, so that one generator reads both.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kinolog_gateway.http.credentials import ApiKeys
from kinolog_gateway.upstream import Upstream
from kinolog_gateway.web_app import create_app
from kinolog_gateway.websocket.asyncapi import asyncapi_document


def _no_upstream() -> Upstream:
    raise RuntimeError("the documents need no api")


def documents() -> dict[str, dict[str, Any]]:
    """Return each document by the name of its file."""
    app = create_app(_no_upstream, ApiKeys(None), lambda: datetime.now(UTC))
    live = {
        "openapi": "3.1.0",
        "info": {"title": "kinolog", "version": "1"},
        "paths": {},
        "components": {"schemas": asyncapi_document()["components"]["schemas"]},
    }
    return {"rest.json": app.openapi(), "live.json": live}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in documents().items():
        file, text = folder / name, json.dumps(document, indent=1, sort_keys=True)
        # What is made from a document is made again when it is written.
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
