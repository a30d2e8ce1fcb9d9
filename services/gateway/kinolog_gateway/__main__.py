"""`python -m kinolog_gateway`, or `kinolog-gateway`: the gateway process."""

from __future__ import annotations

from kinolog.process.main import needs_extra


def main() -> None:
    """Run the process. If a library is missing, exit with status 2 and what to install."""
    with needs_extra("gateway"):
        from kinolog_gateway import app
    app.main()


if __name__ == "__main__":
    main()
