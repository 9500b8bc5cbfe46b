"""`python -m jitattn`, and the script `jitattn`: the command, or without arguments the status."""

import os
import sys

from jitattn import _command


def main() -> None:
    if len(sys.argv) > 1:
        os.execv(_command.path(), ["jitattn", *sys.argv[1:]])
    print(_command.status())
    print("\njitattn --help lists the commands.")


if __name__ == "__main__":
    main()
