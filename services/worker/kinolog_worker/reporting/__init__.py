"""What a worker publishes about itself and its work: progress, registry reports, metrics."""
