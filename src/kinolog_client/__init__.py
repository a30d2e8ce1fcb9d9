"""The gateway as the dashboard sees it: REST, the live feed, and what their answers hold."""
