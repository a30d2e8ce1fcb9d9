"""The page of audits and its tabs."""
