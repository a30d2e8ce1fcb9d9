"""The classes of the pages. Each is imported by its first caller, so that the first page is painted sooner."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kinolog_tui.screens.analytics import AnalyticsPage
    from kinolog_tui.screens.audit.audit_page import AuditPage
    from kinolog_tui.screens.dashboard import DashboardPage
    from kinolog_tui.screens.films import FilmsPage
    from kinolog_tui.screens.generate import GeneratePage
    from kinolog_tui.screens.job.job_page import JobPage
    from kinolog_tui.screens.jobs import JobsPage
    from kinolog_tui.screens.settings import SettingsPage


def dashboard_page() -> type[DashboardPage]:
    """Import and return the page of numbers, charts and workers."""
    from kinolog_tui.screens.dashboard import DashboardPage

    return DashboardPage


def jobs_page() -> type[JobsPage]:
    """Import and return the page of the list."""
    from kinolog_tui.screens.jobs import JobsPage

    return JobsPage


def job_page() -> type[JobPage]:
    """Import and return the page of one job."""
    from kinolog_tui.screens.job.job_page import JobPage

    return JobPage


def generate_page() -> type[GeneratePage]:
    """Import and return the page of the form."""
    from kinolog_tui.screens.generate import GeneratePage

    return GeneratePage


def analytics_page() -> type[AnalyticsPage]:
    """Import and return the page of charts."""
    from kinolog_tui.screens.analytics import AnalyticsPage

    return AnalyticsPage


def settings_page() -> type[SettingsPage]:
    """Import and return the page of choices."""
    from kinolog_tui.screens.settings import SettingsPage

    return SettingsPage


def films_page() -> type[FilmsPage]:
    """Import and return the page of thumbnails."""
    from kinolog_tui.screens.films import FilmsPage

    return FilmsPage


def audit_page() -> type[AuditPage]:
    """Import and return the page of audits."""
    from kinolog_tui.screens.audit.audit_page import AuditPage

    return AuditPage


ALL = (
    dashboard_page,
    jobs_page,
    job_page,
    generate_page,
    analytics_page,
    settings_page,
    films_page,
    audit_page,
)
