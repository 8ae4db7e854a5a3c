"""Who answers, who gets a copy, who may what. Still."""
