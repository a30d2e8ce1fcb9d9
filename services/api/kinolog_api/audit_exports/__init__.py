"""AuditExportService: events of many jobs for analysis elsewhere."""
