"""What the interfaces of other services share: bodies, errors in their shapes, submits and copies of files."""
