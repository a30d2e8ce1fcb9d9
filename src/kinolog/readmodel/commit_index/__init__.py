"""The index of all commits, by which questions about them are answered. See decision 138."""
