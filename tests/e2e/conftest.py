"""Fixtures of the tests of the web page, apart from those of all tests: to import Playwright takes time."""

from tests.fixtures.web_pages import browser, open_page, page, slow_job

__all__ = ["browser", "open_page", "page", "slow_job"]
