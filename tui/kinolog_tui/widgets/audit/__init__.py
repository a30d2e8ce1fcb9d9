"""What the tabs of the page of audits are composed of."""
