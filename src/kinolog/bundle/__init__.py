"""Bundles: archives that prove the history of jobs by themselves. See docs/audit-bundle.md."""
