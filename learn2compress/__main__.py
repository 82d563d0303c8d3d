"""The command ``l2c``, also ``python -m learn2compress``."""

import signal


def main() -> None:
    """Run the command line."""
    # While the libraries are imported, Ctrl-C ends the process at once, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from learn2compress.cli import app

    signal.signal(signal.SIGINT, signal.default_int_handler)
    app()


if __name__ == "__main__":
    main()
