"""The queue interface of fal, under /fal."""
