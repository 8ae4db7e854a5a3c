"""Tests and benches. A package of its own name: some peers of the benches install one that is called the same."""
