"""AnalyticsService: charts from the read model."""
