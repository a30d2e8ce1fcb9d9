"""Questions about the commits of all jobs: the language, and how a commit answers. Pure. See decision 138."""
