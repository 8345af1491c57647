"""The command line. Only what a command needs is imported, when it runs."""

import sys


def main() -> None:
    """Runs the command that was typed; the entry point of `supervisor-assets`."""
    try:
        from supervisor_assets.cli.app import run
    except ImportError as error:
        print(
            f"DEPENDENCY_MISSING: Something this needs is not installed. (module={error.name})\n"
            "Next: Run make setup again, then doctor.",
            file=sys.stderr,
        )
        sys.exit(5)
    except KeyboardInterrupt:
        sys.exit(130)
    run()
