"""What this machine allows a process, read before a run begins rather than found out in its middle."""

from __future__ import annotations

from earnest.errors import BadParameter

OWN_FILES = 96
"""Open files beside connections: journal, cache, clips that are read and written, libraries, the terminal."""


def check_open_files(n_connections: int) -> None:
    """See that so many connections can be open, each of which is a file to the system; the limit is raised if it may be.

    Raises
    ------
    BadParameter
        If the system allows fewer.
    """
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return
    needed = n_connections + OWN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard == resource.RLIM_INFINITY or hard >= needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        return
    raise BadParameter(
        f"{n_connections} connections need {needed} open files, and this process may have {hard}; "
        f"lower max_connections to {max(1, hard - OWN_FILES)} or raise the limit (`ulimit -n {needed}`)"
    )
