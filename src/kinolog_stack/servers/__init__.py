"""nats-server and Postgres as children, with their accounts and passwords."""
