"""Decide whether a medical language model may be released: a pytest plugin."""
