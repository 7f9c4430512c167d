"""What is claimed in a run, and what came of it."""

passed, failed = 0, []


class NotSeen(Exception):
    """Something that should have come did not. The text says what, and what was there instead."""


def claim(what, holds):
    """Says whether something that must be so is so."""
    global passed
    if holds:
        passed += 1
        print(f"ok      {what}", flush=True)
    else:
        failed.append(what)
        print(f"FAILED  {what}", flush=True)


def remark(what):
    """Something that a reader of the run wants to know, and nobody claims."""
    print(f"-       {what}", flush=True)


def conclusion(name):
    """The last lines of a run: what failed, once more, and how much; the status to exit with."""
    for what in failed:
        print(f"FAILED  {what}", flush=True)
    print(f"{name}: {passed} passed, {len(failed)} failed", flush=True)
    return 1 if failed else 0
