"""Trees to labelled stacks: a growth model for neurons and an image model of the microscope."""

from neurorecon.simulation.config import (
    LOOK_NAMES,
    GrowthConfig,
    Look,
    SimulationConfig,
    config_for,
    growth_for,
)
from neurorecon.simulation.growth import grow_tree
from neurorecon.simulation.stack import SimulatedStack, draw_label, simulate_stack, stack_shape

__all__ = [
    "LOOK_NAMES",
    "GrowthConfig",
    "Look",
    "SimulatedStack",
    "SimulationConfig",
    "config_for",
    "draw_label",
    "grow_tree",
    "growth_for",
    "simulate_stack",
    "stack_shape",
]
