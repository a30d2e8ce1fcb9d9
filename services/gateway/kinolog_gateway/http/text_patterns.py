"""Patterns of the texts in requests, each with what a client is told about a text that does not match."""

from __future__ import annotations

from kinolog.ids import JOB_ID_PATTERN
from kinolog.process import api_keys

SIZE = r"^\d{2,4}[xX]\d{2,4}$"
WEBHOOK_URL = r"^(https?://[^/ ]+|mailto:[^@ ]+@[^@ ]+$)"
ID = f"^{JOB_ID_PATTERN}$"
ID_OR_NONE = f"^({JOB_ID_PATTERN})?$"
REQUEST_ID = r"^[A-Za-z0-9._:-]+$"
TENANT = f"^({api_keys.TENANT.pattern}|[*])?$"
ONE_TENANT = f"^({api_keys.TENANT.pattern})?$"
ACTOR = f"^{api_keys.ACTOR.pattern}$"
ACTOR_OR_NONE = f"^({api_keys.ACTOR.pattern})?$"
KEY_ID = "^[a-z2-7]{12}$"
SCHEDULE_ID = "^sch_[a-z2-7]{16}$"
WEBHOOK_ID = "^wh_[a-z2-7]{16}$"
DELIVERY_ID = "^dlv_[a-z2-7]{26}$"

_TENANT_IN_WORDS = (
    "must begin with a letter or digit, go on with letters without accents, digits and . _ -, and have at most 64 of "
    "them"
)
_ACTOR_IN_WORDS = (
    "must begin with a letter or digit, go on with letters without accents, digits, spaces and . _ : @ / + -, and have "
    "at most 128 of them"
)
IN_WORDS = {
    SIZE: "must be WIDTHxHEIGHT in pixels, such as 832x480",
    WEBHOOK_URL: "must be an address that begins with https:// or http://, or a mailbox such as mailto:ada@example.org",
    ID: "must be an id of 26 letters and digits, as kinolog gave it",
    ID_OR_NONE: "must be an id of 26 letters and digits, as kinolog gave it",
    REQUEST_ID: "must consist of letters without accents, digits and . _ : -",
    TENANT: f"{_TENANT_IN_WORDS}; or be * for all tenants",
    ONE_TENANT: _TENANT_IN_WORDS,
    ACTOR: _ACTOR_IN_WORDS,
    ACTOR_OR_NONE: _ACTOR_IN_WORDS,
    KEY_ID: "must be the id of a key, 12 letters and digits, as lists of keys have it",
    SCHEDULE_ID: "must be the id of a schedule, sch_ and 16 letters and digits, as lists of schedules have it",
    WEBHOOK_ID: "must be the id of a webhook, wh_ and 16 letters and digits, as lists of webhooks have it",
    DELIVERY_ID: "must be the id of a delivery, dlv_ and 26 letters and digits, as lists of deliveries have it",
}
