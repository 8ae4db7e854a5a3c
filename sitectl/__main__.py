"""`python -m sitectl` is the command line."""

from sitectl.cli.entry import main

main()
