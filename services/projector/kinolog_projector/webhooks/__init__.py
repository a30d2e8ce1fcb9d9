"""Calls webhooks when jobs start and end: what to deliver, the calls themselves, and their history."""
