"""Become a command that dies with the process that started it.

    launch.py PARENT_PID DEATH_SIGNAL USER|- COMMAND...

The kernel sends DEATH_SIGNAL when the parent ends for whatever reason, SIGKILL included (Linux;
elsewhere the records in `process.py` find what is left). It runs as a script in an isolated
interpreter and replaces itself, so the pid that the parent sees is the command's own.
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, death_signal, user, *command = sys.argv[1:]
    if user != "-":
        entry = pwd.getpwnam(user)
        os.initgroups(user, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    if sys.platform == "linux":
        # after setuid, because a change of credentials clears the request
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != int(parent):
            sys.exit("the parent ended before the command could start")
    os.execv(command[0], command)  # noqa: S606 no shell is meant


main()
