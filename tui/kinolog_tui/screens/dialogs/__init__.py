"""The dialogs over the pages."""
