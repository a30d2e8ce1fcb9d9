"""`python -m kinolog_api`, or `kinolog-api`: the api process."""

from __future__ import annotations

from kinolog.process.main import needs_extra


def main() -> None:
    """Run the process. If a library is missing, exit with status 2 and what to install."""
    with needs_extra("api"):
        from kinolog_api import app
    app.main()


if __name__ == "__main__":
    main()
