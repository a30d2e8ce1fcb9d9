"""What ends an attempt before its job is drawn."""
