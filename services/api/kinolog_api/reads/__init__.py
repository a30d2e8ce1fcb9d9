"""The record of reads: what is noted, how it is stored, and questions about it. See decision 139."""
