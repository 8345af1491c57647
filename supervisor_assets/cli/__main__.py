"""`python -m supervisor_assets.cli` is the same as `supervisor-assets`."""

from supervisor_assets.cli import main

main()
