"""Neuron reconstruction from 3D light microscopy: a stack goes in, an SWC tree comes out."""

from importlib.metadata import version

__version__ = version("neurorecon")
