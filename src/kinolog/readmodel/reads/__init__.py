"""The record of reads in Postgres."""
