"""Patterns of the texts in requests, each with what a client is told about a text that does not match."""

from __future__ import annotations

from kinolog.ids import JOB_ID_PATTERN

SIZE = r"^\d{2,4}[xX]\d{2,4}$"
WEBHOOK_URL = r"^(https?://[^/ ]+|mailto:[^@ ]+@[^@ ]+$)"
ID = f"^{JOB_ID_PATTERN}$"
REQUEST_ID = r"^[A-Za-z0-9._:-]+$"
TENANT = r"^([A-Za-z0-9][A-Za-z0-9._-]{0,63}|[*])?$"
ACTOR = r"^[A-Za-z0-9][A-Za-z0-9._:@/+ -]{0,127}$"

IN_WORDS = {
    SIZE: "must be WIDTHxHEIGHT in pixels, such as 832x480",
    WEBHOOK_URL: "must be an address that begins with https:// or http://, or a mailbox such as mailto:ada@example.org",
    ID: "must be an id of 26 letters and digits, as kinolog gave it",
    REQUEST_ID: "must consist of letters without accents, digits and . _ : -",
    TENANT: "must begin with a letter or digit, go on with letters without accents, digits and . _ -, and have at most "
    "64 of them; or be * for all tenants",
    ACTOR: "must begin with a letter or digit, go on with letters without accents, digits, spaces and . _ : @ / + -, "
    "and have at most 128 of them",
}
