"""The form of a video that is not submitted yet, and what will be made of it."""
