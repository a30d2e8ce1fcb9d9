"""Weights of 8 and 4 bits, which torchao and bitsandbytes make."""
