"""Segmentation to rooted trees."""

from neurorecon.tracing.config import TraceConfig
from neurorecon.tracing.trace import TraceResult, trace_volume

__all__ = ["TraceConfig", "TraceResult", "trace_volume"]
