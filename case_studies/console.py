"""What the command line says, and the one place that turns failures into messages and exit codes."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from enum import IntEnum
from typing import NoReturn, TypeVar

from rich.console import Console
from rich.markup import escape

T = TypeVar("T")
POLL = 0.1


class Exit(IntEnum):
    """Exit codes (docs/interface.md)."""

    DONE = 0
    BUG = 1
    BAD_INPUT = 2
    CHECK_FAILED = 3
    STOPPED = 4


class StoppedError(Exception):
    """The time budget ran out, or the user asked to stop."""


def console(*, error: bool = False) -> Console:
    """Standard output, or standard error for remarks and messages."""
    return Console(stderr=error, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """A remark on the way, on standard error."""
    console(error=True).print(escape(text))


def guarded(job: Callable[[], Exit], *, debug: bool) -> Exit:
    """Runs a command: bad input, a stop and a bug each give one message and their exit code."""
    try:
        return job()
    except StoppedError as stop:
        say(f"stopped: {stop}")
        return Exit.STOPPED
    except KeyboardInterrupt:
        say("stopped by the user; nothing was written")
        return Exit.STOPPED
    except ValueError as error:
        if debug:
            traceback.print_exc()
        say(f"error: {error}")
        return Exit.BAD_INPUT
    except Exception as error:  # noqa: BLE001 - the last line of defence, and it says so
        if debug:
            traceback.print_exc()
        say(f"unexpected failure, a bug: {type(error).__name__}: {error}\nrun again with --debug for the traceback")
        return Exit.BUG


def interruptible(job: Callable[[], T], time_budget: float | None) -> T:
    """The result of a long computation that Ctrl-C and the time budget [s] can end at once.

    Compiled samplers do not return to Python between draws, so the job runs in a thread that is abandoned when it
    is stopped. Whatever it raises is raised here. StoppedError when stopped; nothing must be written by the job.
    """
    outcome: list[T] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            outcome.append(job())
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread, not swallowed
            failure.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    waited = 0.0
    try:
        while thread.is_alive():
            thread.join(POLL)
            waited += POLL
            if time_budget is not None and waited > time_budget:
                raise StoppedError(f"the time budget of {time_budget:g} s ran out; nothing was written")
    except KeyboardInterrupt:
        raise StoppedError("by the user; nothing was written") from None
    if failure:
        raise failure[0]
    return outcome[0]


def leave(code: Exit) -> NoReturn:
    """Ends the process, abandoned computations and all."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
