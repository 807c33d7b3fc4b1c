"""`python -m neurorecon` is the `neurorecon` command."""

from neurorecon.cli import main

main()
