"""Evidence: what is proven of a site, concluded from facts that others hold. Values in, values out.

* `commissioning.py` judges the twelve steps from an empty box to a site that is proven, each from what was seen;
  nothing is remembered here, so a step that broke again is red again. `facts.py` is what it judges by.
"""
