"""Where model files are: those that come with neurorecon, by name, and the user's own, by path."""

from __future__ import annotations

from pathlib import Path

from neurorecon.errors import InputError

DEFAULT_MODEL = "default"
_SUFFIX = ".safetensors"


def models_folder() -> Path:
    """The folder of shipped models: inside an installed wheel, or `models/` of a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_models"
    return installed if installed.is_dir() else package.parent / "models"


def shipped_models() -> list[str]:
    """Names that `find_model` knows."""
    return sorted(path.stem for path in models_folder().glob(f"*{_SUFFIX}"))


def find_model(name_or_path: str) -> Path:
    """The file of a shipped model's name, or the path itself; InputError if there is neither."""
    path = Path(name_or_path)
    if path.is_file():
        return path
    shipped = models_folder() / f"{name_or_path}{_SUFFIX}"
    if path.name == name_or_path and shipped.is_file():
        return shipped
    names = ", ".join(shipped_models()) or "none"
    raise InputError(
        f"no model {name_or_path!r}: neither a file nor a shipped model (shipped: {names}); "
        "give the path of a .safetensors file that `neurorecon train` wrote"
    )
