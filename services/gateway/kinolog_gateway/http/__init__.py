"""What every HTTP request needs: keys, checks, metrics, problems, ranges, the OpenAPI document."""
