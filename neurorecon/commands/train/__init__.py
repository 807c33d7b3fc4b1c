"""`train`: labelled stacks to a model."""

from neurorecon.commands.train.labelled import load_labelled_stack, load_labelled_stacks
from neurorecon.commands.train.request import TrainRequest, ValidationRequest
from neurorecon.commands.train.run import calibrate_weights, train

__all__ = [
    "TrainRequest",
    "ValidationRequest",
    "calibrate_weights",
    "load_labelled_stack",
    "load_labelled_stacks",
    "train",
]
