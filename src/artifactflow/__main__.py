"""The command `artifactflow`, which `python -m artifactflow` is too: the way in, before anything is loaded."""

from __future__ import annotations

import signal


def main() -> None:
    """Load the command line and run it on the arguments of this process.

    Loading takes a tenth of a second. Ctrl-C would end that in a traceback from amid an import, so that until the
    command line can answer, it ends the process as it ends a program that does not ask for it.
    """
    answer = signal.getsignal(signal.SIGINT)
    is_asked_for = answer is signal.default_int_handler  # not where a shell has us run in the background
    if is_asked_for:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from artifactflow.cli.app import main as run_command

    if is_asked_for:
        signal.signal(signal.SIGINT, answer)
    run_command()


if __name__ == "__main__":
    main()
