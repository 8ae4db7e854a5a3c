"""Credentials and TLS."""
