from neurorecon.api import Neuron as Neuron
from neurorecon.api import Stack as Stack
from neurorecon.api import evaluate as evaluate
from neurorecon.api import read_stack as read_stack
from neurorecon.api import segment as segment
from neurorecon.api import trace as trace
from neurorecon.errors import InputError as InputError
from neurorecon.errors import NeuroreconError as NeuroreconError

__version__: str
__all__ = [
    "InputError",
    "Neuron",
    "NeuroreconError",
    "Stack",
    "__version__",
    "evaluate",
    "read_stack",
    "segment",
    "trace",
]
