"""What every process needs: settings, logging, probes, main and retries."""
