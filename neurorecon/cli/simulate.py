"""`neurorecon simulate`."""


def simulate() -> None:
    """Not there yet."""
