"""Runs a script's checks one after the other and prints a line for each."""

import traceback


def run(checks, library):
    """Runs them all; answers 1 when one failed, else 0."""
    failures = 0
    for check in checks:
        try:
            check()
            print(f"ok     {check.__name__}")
        except Exception:  # every other check is still worth its line
            failures += 1
            print(f"FAILED {check.__name__}\n{traceback.format_exc()}")
    print(f"{len(checks) - failures} of {len(checks)} checks hold with {library}")
    return min(failures, 1)


def refused(call, kind):
    """The exception of this kind that the call ends in."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} was raised")
