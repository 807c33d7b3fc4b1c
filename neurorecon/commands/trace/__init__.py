"""A stack to SWC files, one for each neuron."""

from neurorecon.commands.trace.evidence import has_dark_neurites
from neurorecon.commands.trace.preview import write_preview
from neurorecon.commands.trace.request import TraceRequest, refuse_outputs, stack_name
from neurorecon.commands.trace.run import check_request, trace

__all__ = [
    "TraceRequest",
    "check_request",
    "has_dark_neurites",
    "refuse_outputs",
    "stack_name",
    "trace",
    "write_preview",
]
