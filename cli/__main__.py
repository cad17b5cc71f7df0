"""Run ``python -m homodb.cli``."""

from homodb.cli import main

main()
