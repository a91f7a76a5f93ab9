"""Asking a camera what it has, without opening a session, and how often a password may be tried."""
