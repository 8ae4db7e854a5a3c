"""What is known of the site, and the limit ledger. Still."""
