"""A neuron in Python, and its ways in and out: SWC files, pandas, navis."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from neurorecon.api.stacks import check_choice, told_in_python
from neurorecon.errors import InputError
from neurorecon.io.swc import read_swc, read_swc_header, write_swc
from neurorecon.morphology import Morphology
from neurorecon.volume import Grid, Unit

if TYPE_CHECKING:
    from navis import TreeNeuron
    from pandas import DataFrame

_COLUMNS = ("node_id", "type", "x", "y", "z", "radius", "parent_id")


@dataclass(frozen=True, eq=False, repr=False)
class Neuron(Morphology):
    """One or more rooted trees, as an SWC file holds them.

    point_zyx: (n, 3) in `unit`, axes z, y, x as in arrays. radius: (n,), 0 or less where unknown.
    parent: (n,) row of the parent, -1 for a root. kind: (n,) SWC type.
    unit: "um" or "voxel". grid: voxel size and origin of the stack it was traced in, if known.

    `length`, `roots`, `forks`, `tips`, `edges` and `edge_length` are there, too. Arrays are copies
    and cannot be written to, so that these stay true; `dataclasses.replace` makes another neuron.
    """

    grid: Grid | None = None

    def __post_init__(self) -> None:
        """Raise InputError for arrays of other shapes, and for another unit."""
        check_choice("unit", self.unit, get_args(Unit))
        count = len(self.point_zyx)
        for name, kind, shape in (
            ("point_zyx", np.float64, (count, 3)),
            ("radius", np.float64, (count,)),
            ("parent", np.int64, (count,)),
            ("kind", np.int64, (count,)),
        ):
            array = np.array(getattr(self, name), kind)
            if array.shape != shape:
                raise InputError(f"{name} has the shape {array.shape}; give {shape}")
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __repr__(self) -> str:
        trees = f"{len(self.roots)} tree{'s' * (len(self.roots) != 1)}"
        unit = {"um": "µm", "voxel": "voxels"}[self.unit]
        return f"<Neuron: {len(self)} nodes, {trees}, {self.length:.1f} {unit} long>"

    def take(self, rows: NDArray[np.int64]) -> Neuron:
        """The nodes `rows`, in that order; a node whose parent is left out becomes a root."""
        return self.of(super().take(rows), self.grid)

    def trees(self) -> list[Neuron]:  # type: ignore[override]  # a list that nobody appends to
        """One neuron for each root, nodes parent first."""
        return [self.of(tree, self.grid) for tree in super().trees()]

    @classmethod
    def of(cls, morphology: Morphology, grid: Grid | None = None) -> Neuron:
        """A neuron of the same nodes."""
        parts = morphology.point_zyx, morphology.radius, morphology.parent, morphology.kind
        return cls(*parts, morphology.unit, grid)

    @classmethod
    def read(cls, path: str | Path, unit: Unit = "voxel") -> Neuron:
        """The trees of an SWC file.

        unit: of its coordinates where the file does not say it.

        Raises InputError for a file that cannot be read or has no meaning, with line and cure.
        """
        check_choice("unit", unit, get_args(Unit))
        header = read_swc_header(Path(path))
        grid = None
        if header.voxel_size_zyx is not None:
            origin = header.origin_zyx or (0.0, 0.0, 0.0)
            grid = Grid(header.voxel_size_zyx, origin, header.unit or unit, "SWC header")
        return cls.of(read_swc(Path(path), unit), grid)

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write an SWC file that says its unit.

        Raises InputError for an output that exists or cannot be written, ValueError where a radius
        is unknown.
        """
        with told_in_python():
            write_swc(Path(path), self, self.grid, overwrite)

    def to_pandas(self) -> DataFrame:
        """The rows of an SWC file: node_id, type, x, y, z, radius, parent_id (ids from 1, root -1).

        `attrs["unit"]` is the unit.
        """
        import pandas as pd

        z, y, x = self.point_zyx.T
        parent = np.where(self.parent < 0, -1, self.parent + 1)
        ids = np.arange(1, len(self) + 1)
        columns = (ids, self.kind, x, y, z, self.radius, parent)
        table = pd.DataFrame(dict(zip(_COLUMNS, columns, strict=True)))
        table.attrs["unit"] = self.unit
        return table

    @classmethod
    def from_pandas(cls, table: DataFrame, unit: Unit | None = None) -> Neuron:
        """A neuron of such a table; rows and ids in any order.

        unit: None: `attrs["unit"]`, or else voxels.

        Raises InputError for a missing column, parent or type, for an id used twice, for rings,
        and for numbers that are not finite.
        """
        if missing := [name for name in _COLUMNS if name not in table]:
            raise InputError(f"the table has no column {', '.join(missing)}; rename its columns")
        numbers = table[["node_id", "parent_id", "type"]].to_numpy(np.float64)
        if not np.isfinite(numbers).all():
            raise InputError("the table has rows without node_id, parent_id or type; fill them in")
        ids = table["node_id"].to_numpy(np.int64)
        row = {node: number for number, node in enumerate(ids.tolist())}
        if len(row) < len(ids):
            twice = next(node for number, node in enumerate(ids.tolist()) if row[node] != number)
            raise InputError(f"two rows have the node_id {twice}; give each its own")
        parents = table["parent_id"].to_numpy(np.int64).tolist()
        if lost := [each for each in parents if each >= 0 and each not in row]:
            raise InputError(
                f"parent {lost[0]} is not in the table; give its row, or -1 for a root"
            )
        unit = unit or table.attrs.get("unit", "voxel")
        values = table[["z", "y", "x", "radius"]].to_numpy(np.float64)
        if not np.isfinite(values).all():
            raise InputError("the table has coordinates or radii that are no finite numbers")
        parent = np.array([row.get(each, -1) for each in parents], np.int64)
        kind = table["type"].to_numpy(np.int64)
        neuron = cls(values[:, :3], values[:, 3], parent, kind, unit)
        if len(neuron.parent_first) < len(neuron):
            raise InputError("parents in the table form a ring; give each tree a root, parent -1")
        return neuron

    def to_navis(self, name: str | None = None) -> TreeNeuron:
        """A navis.TreeNeuron with the same nodes and, where it is µm, the unit."""
        import navis

        table = self.to_pandas().rename(columns={"type": "label"})
        units = "1 micrometer" if self.unit == "um" else None
        return navis.TreeNeuron(table, units=units, name=name)

    @classmethod
    def from_navis(cls, neuron: TreeNeuron) -> Neuron:
        """A neuron in µm where navis knows the unit, in voxels otherwise.

        Types are kept where they are numbers; radii that navis does not know become 0.

        Raises InputError for what is no TreeNeuron.
        """
        import navis

        if not isinstance(neuron, navis.TreeNeuron):
            raise InputError(f"{type(neuron).__name__} is no TreeNeuron; give one at a time")
        unit: Unit = "voxel"
        units: Any = neuron.units
        if units is not None and not units.dimensionless:
            neuron, unit = neuron.convert_units("um"), "um"
        table = neuron.nodes.assign(type=0)
        if "label" in table:
            table["type"] = [
                int(each) if str(each).isdigit() else 0 for each in table["label"].tolist()
            ]
        table["radius"] = table["radius"].fillna(0.0).clip(lower=0.0) if "radius" in table else 0.0
        return cls.from_pandas(table, unit)
