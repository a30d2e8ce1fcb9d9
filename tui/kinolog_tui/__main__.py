"""`python -m kinolog_tui`: the dashboard alone. textual-serve starts it for a browser."""

from __future__ import annotations

import argparse

from pydantic import ValidationError

from kinolog.process.settings import ClientSettings, describe_invalid_setting
from kinolog_client import InvalidSettings
from kinolog_tui.start import run


def main() -> None:
    """Run the dashboard. Options take precedence over KINOLOG_URL and KINOLOG_API_KEY."""
    parser = argparse.ArgumentParser(prog="kinolog-tui", description="The dashboard of a kinolog gateway.")
    parser.add_argument("--url", help="address of the gateway (KINOLOG_URL)")
    parser.add_argument("--api-key", help="API key (KINOLOG_API_KEY)")
    options = parser.parse_args()
    try:
        settings = ClientSettings()
    except ValidationError as error:
        parser.error(describe_invalid_setting(error))
    key = options.api_key or (settings.api_key.get_secret_value() if settings.api_key else None)
    try:
        run(options.url or settings.url, key)
    except InvalidSettings as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
