"""`python -m clientry`."""

from clientry.cli import main

main()
