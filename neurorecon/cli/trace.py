"""`neurorecon trace`."""


def trace() -> None:
    """Not there yet."""
