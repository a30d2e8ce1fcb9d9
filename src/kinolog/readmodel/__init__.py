"""The read models in Postgres: their tables, and the adapter that reads them."""
