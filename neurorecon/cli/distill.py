"""`neurorecon distill`."""


def distill() -> None:
    """Not there yet."""
