"""The one list of things one may ask."""
