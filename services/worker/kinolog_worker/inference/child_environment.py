"""The environment of the inference process: what libraries and drivers need, and no secret."""

from __future__ import annotations

import re
from collections.abc import Mapping

_QUIET = {
    "DIFFUSERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}
"""Whatever the shell says: libraries print nothing on their own, and send no telemetry."""

_PASSIVE_THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Waiting threads sleep instead of spinning: on a busy machine, spinning takes ten times as long (decision 4)."""

_SETTINGS = re.compile(r"KINOLOG_|PG|NATS_|AWS_|AZURE_|GOOGLE_|SSH_|GPG_")
"""Settings of kinolog, and of clients of servers: the inference process opens no connection to one."""

_SECRETS = re.compile(
    r"SECRET|TOKEN(?!IZERS)|PASSW|CREDENTIAL|PRIVATE|AUTH|COOKIE|API_?KEY|_PWD$|(^|_)(PASS|KEYS?|DSN)$"
)
"""Names that say that the value is a secret."""

_HUB_TOKEN = re.compile(r"HF_TOKEN|HUGGING_FACE_HUB_TOKEN")
"""The account of the Hugging Face hub with which guarded models are downloaded."""


def child_environment(
    environment: Mapping[str, str], threads: int = 0, *, downloads: bool = False
) -> dict[str, str]:
    """Return the variables of the supervisor that a child gets, with those that kinolog sets.

    Code of models and media libraries runs in the inference process. `threads` limits the CPU threads, 0 leaves it to
    the libraries. The process of `downloads` alone gets the token of the hub: no code of a model runs there.
    """
    limit = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    inherited = {
        name: value for name, value in environment.items() if _is_needed(name.upper(), downloads=downloads)
    }
    return {**_PASSIVE_THREADS, **inherited, **_QUIET, **limit}


def _is_needed(name: str, *, downloads: bool) -> bool:
    if _HUB_TOKEN.match(name):
        return downloads
    return not (_SETTINGS.match(name) or _SECRETS.search(name))
