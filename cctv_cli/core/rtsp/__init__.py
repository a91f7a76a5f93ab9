"""Asks cameras what they send, and limits how often a password is tried."""
