"""AuditExportService: events of many jobs for analysis elsewhere, and bundles that prove them."""
