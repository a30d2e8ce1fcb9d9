"""Captions: the words, the sentences, and the bank of tokenised ones."""
