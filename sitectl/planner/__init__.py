"""Turns wishes of others into ceilings. Still."""
