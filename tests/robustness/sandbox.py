"""What a command finds on a bad day: a full disk, a read-only place, no right to write there.

Linux only, in the process that calls (a fork that ends with the command), without a trace outside
it: mounts live in a name space of their own. Needs root, or a kernel that lets a user have one.
"""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

_NEW_USER, _NEW_MOUNTS = 0x10000000, 0x00020000
_READ_ONLY, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 32, 4096, 16384, 1 << 18
_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _mount(source: str, target: Path, kind: str, flags: int, options: str = "") -> None:
    _call(
        "mount",
        source.encode(),
        os.fsencode(target),
        kind.encode(),
        flags,
        options.encode() or None,
    )


def _own_mounts() -> None:
    user, group = os.getuid(), os.getgid()
    if user == 0:
        _call("unshare", _NEW_MOUNTS)
    else:
        _call("unshare", _NEW_USER | _NEW_MOUNTS)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    _mount("none", Path("/"), "", _REC | _PRIVATE)


def small_disk(folder: Path, kib: int) -> None:
    """`folder` becomes a disk of its own, with this much space left."""
    _own_mounts()
    _mount("tmpfs", folder, "tmpfs", 0, f"size={kib + 4}k")
    (folder / "other").write_bytes(b"x" * 4096)


def read_only(folder: Path) -> None:
    """`folder` becomes a place like a CD: there, and not to be written."""
    _own_mounts()
    _mount(str(folder), folder, "", _BIND)
    _mount("none", folder, "", _REMOUNT | _BIND | _READ_ONLY)


def as_a_plain_user(_: Path) -> None:
    """Permissions hold from now on, for root too (which otherwise passes them by)."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3 of the call; 0: this process
    _call("capset", header, (ctypes.c_uint32 * 6)())


SITUATIONS: dict[str, Callable[..., None]] = {
    "small disk": small_disk,
    "read only": read_only,
    "plain user": as_a_plain_user,
}


def why_not(name: str, folder: Path) -> str | None:
    """Why this machine cannot make a situation; None where it can."""
    child = os.fork()
    if child == 0:
        code = 0
        try:
            arguments = (64,) if name == "small disk" else ()
            SITUATIONS[name](folder, *arguments)
        except OSError:
            code = 1
        os._exit(code)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        return None
    return f"this machine does not allow it: {name}"
