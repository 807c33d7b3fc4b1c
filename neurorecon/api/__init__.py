"""The commands for Python: arrays and neurons in and out. `import neurorecon` offers these names.

Every function here runs the command of its name, with the same options and the same result; arrays
pass through a temporary folder on the way.
"""

from neurorecon.api.evaluating import evaluate
from neurorecon.api.neuron import Neuron
from neurorecon.api.segmenting import segment
from neurorecon.api.stacks import Stack, read_stack
from neurorecon.api.tracing import trace

__all__ = ["Neuron", "Stack", "evaluate", "read_stack", "segment", "trace"]
