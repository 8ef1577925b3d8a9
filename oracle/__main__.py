"""`python -m oracle` is `oracle`."""

from oracle.cli import main

main()
