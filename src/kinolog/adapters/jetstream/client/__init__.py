"""The JetStream client: connection, requests, writes, reads and pulls."""
