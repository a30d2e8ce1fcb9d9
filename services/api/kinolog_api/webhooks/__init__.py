"""Webhooks of tenants: who manages them, and what single jobs need of them."""
