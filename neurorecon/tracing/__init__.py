"""Segmentation to rooted trees."""

from neurorecon.tracing.config import TraceConfig
from neurorecon.tracing.result import (
    Branch,
    Bridge,
    Crossing,
    Doubt,
    Fragment,
    OpenedLoop,
    TraceResult,
)
from neurorecon.tracing.trace import trace_volume

__all__ = [
    "Branch",
    "Bridge",
    "Crossing",
    "Doubt",
    "Fragment",
    "OpenedLoop",
    "TraceConfig",
    "TraceResult",
    "trace_volume",
]
