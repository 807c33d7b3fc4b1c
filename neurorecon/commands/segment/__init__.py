"""A raw stack to a probability stack on disk or on a stream."""

from neurorecon.commands.segment.request import Progress, SegmentRequest, default_target
from neurorecon.commands.segment.run import segment

__all__ = ["Progress", "SegmentRequest", "default_target", "segment"]
