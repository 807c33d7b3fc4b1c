"""The models that can be named, and what they say about themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neurorecon.errors import InputError
from neurorecon.io.checkpoint import read_metadata
from neurorecon.io.models import named_models


@dataclass(frozen=True)
class ModelDescription:
    """A named model. problem: why it cannot be used, or None; the rest is then empty.

    made_by: `train`, or `distill` for a student that has yet to be trained.
    """

    name: str
    path: str
    shipped: bool
    megabytes: float
    made_by: str
    date: str
    stacks: int
    network: str
    problem: str | None


def describe_models() -> list[ModelDescription]:
    """All named models, shipped ones first."""
    described = []
    for model in named_models():
        size = round(model.path.stat().st_size / 1e6, 1)
        try:
            metadata, problem = read_metadata(model.path), None
        except InputError as error:
            metadata, problem = {}, str(error)
        provenance = metadata.get("provenance", {})
        described.append(
            ModelDescription(
                name=model.name,
                path=str(model.path),
                shipped=model.shipped,
                megabytes=size,
                made_by=provenance.get("command", ""),
                date=provenance.get("date", ""),
                stacks=len(provenance.get("stacks", [])),
                network=_network(metadata.get("config", {})),
                problem=problem,
            )
        )
    return described


def _network(config: dict[str, Any]) -> str:
    if not config:
        return ""
    embedding = config.get("embedding", "patch")
    return f"{embedding} tokens of width {config['width']}, {config['depth']} blocks"
