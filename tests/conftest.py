"""What all tests share: how long property tests search."""

from hypothesis import settings

settings.register_profile("sampled", max_examples=100, deadline=None, print_blob=True)
settings.register_profile("full", max_examples=2_000, deadline=None, print_blob=True)
settings.load_profile("sampled")
