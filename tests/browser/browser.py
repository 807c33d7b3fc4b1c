"""Which browser the tests of the report drive. Run as a script: prints it, or fails with the cure.

The environment variable NEURORECON_BROWSER names one; otherwise it is the first of the usual names
that starts.
"""

import os
import shutil
import subprocess
import sys

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
MISSING = (
    "no browser found: install Chromium from the system's packages (Debian: apt-get install "
    "chromium), or name a Chromium or Chrome in NEURORECON_BROWSER"
)


def find_browser() -> str | None:
    """Path of a Chromium or Chrome that starts."""
    named = os.environ.get("NEURORECON_BROWSER")
    found = (shutil.which(name) for name in ((named,) if named else NAMES))
    return next((path for path in found if path and _starts(path)), None)


def _starts(path: str) -> bool:
    # Ubuntu's `chromium-browser` may be a script that only says where the real one is.
    try:
        return not subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    browser = find_browser()
    print(browser or MISSING)
    sys.exit(browser is None)
