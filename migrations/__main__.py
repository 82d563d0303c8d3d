"""``python -m migrations``: bring the database that the settings name to the newest version."""

import sys
import time

from sqlalchemy.exc import OperationalError

from migrations import WrongVersion, upgrade
from service.contract.settings import Settings

SECONDS_TO_WAIT = 60.0
SECONDS_BETWEEN_TRIES = 1.0


def main() -> None:
    """Wait for a database that is just starting; exits with a sentence where that is in vain."""
    deadline = time.monotonic() + SECONDS_TO_WAIT
    while True:
        try:
            return upgrade(Settings().database)
        except WrongVersion as error:
            sys.exit(str(error))
        except OperationalError as error:
            if time.monotonic() > deadline:
                sys.exit(f"The database does not answer: {error.orig}")
            print(f"waiting for the database: {error.orig}", file=sys.stderr, flush=True)
        time.sleep(SECONDS_BETWEEN_TRIES)


if __name__ == "__main__":
    main()
