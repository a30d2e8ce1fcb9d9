"""The use cases of AccessService."""
