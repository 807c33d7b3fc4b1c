"""Where model files are: those that come with neurorecon, the user's own, and others by path."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from neurorecon.errors import InputError

DEFAULT_MODEL = "default"
FOLDER_VARIABLE = "NEURORECON_MODELS"
_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class NamedModel:
    """A model that can be named instead of giving its path. shipped: it came with neurorecon."""

    name: str
    path: Path
    shipped: bool


def models_folder() -> Path:
    """The folder of shipped models: inside an installed wheel, or `models/` of a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_models"
    return installed if installed.is_dir() else package.parent / "models"


def user_folder() -> Path:
    """The folder whose models the user can name; it need not exist."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    from platformdirs import user_data_path  # here, so that shipped models need nothing else

    return user_data_path("neurorecon") / "models"


def named_models() -> list[NamedModel]:
    """All models that have a name, shipped ones first; a shipped name cannot be taken."""
    shipped = [_model(path, True) for path in _files(models_folder())]
    taken = {model.name for model in shipped}
    own = [_model(path, False) for path in _files(user_folder())]
    return shipped + [model for model in own if model.name not in taken]


def find_model(name_or_path: str) -> Path:
    """The file of a model's name, or the path itself; InputError if there is neither."""
    path, shipped = Path(name_or_path), models_folder() / f"{name_or_path}{_SUFFIX}"
    if path.is_file():
        return path
    if path.name == name_or_path and shipped.is_file():
        return shipped
    known = {model.name: model.path for model in named_models()}
    if name_or_path in known:
        return known[name_or_path]
    names = ", ".join(known) or "none"
    raise InputError(
        f"no model {name_or_path!r}: neither a file nor the name of a model (there are: {names}); "
        "`neurorecon models` lists them, and a .safetensors file that `neurorecon train` wrote can "
        "be given by its path"
    )


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{_SUFFIX}")) if folder.is_dir() else []


def _model(path: Path, shipped: bool) -> NamedModel:
    return NamedModel(path.stem, path, shipped)
