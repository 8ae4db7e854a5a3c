"""Reads every file, gives frozen data."""
