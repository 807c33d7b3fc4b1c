"""`neurorecon segment`."""


def segment() -> None:
    """Not there yet."""
