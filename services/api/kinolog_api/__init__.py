"""The gRPC api: the job, analytics and audit services."""
