"""The control cycle: holds the one state of the site, decides once a second, acts decreases first."""
