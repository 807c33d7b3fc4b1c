"""`neurorecon info`."""


def info() -> None:
    """Not there yet."""
