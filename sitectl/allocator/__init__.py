"""Shares current over the tree of circuits. Still; standard library only."""
