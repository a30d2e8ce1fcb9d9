"""Creates, migrates and checks the database schema."""
