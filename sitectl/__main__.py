"""`python -m sitectl` is the command line."""

from sitectl.cli.main import main

main()
