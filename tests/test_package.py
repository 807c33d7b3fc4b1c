"""What holds for the package as a whole: layers, a command line that answers at once, a wheel."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.main import get_command

from neurorecon.cli.app import app

ROOT = Path(__file__).parents[1]
COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined]
HEAVY = {"torch", "timm", "navis", "skan", "matplotlib", "scipy", "skimage", "numba", "pandas"}


def test_layers_are_kept():
    run = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    checked = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], *([name, "--help"] for name in COMMANDS)]
)
def test_help_loads_nothing_heavy(arguments):
    """Half a second for an answer is only possible without these."""
    code = (
        "import sys\n"
        "from neurorecon.cli.app import app\n"
        f"app({arguments!r}, standalone_mode=False)\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip()
    assert answer.stderr.strip() == "[]"


def test_every_command_has_a_help_text():
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        assert command.help, name
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert parameter.help, f"{name} {parameter.opts}"


def test_module_and_script_are_the_same_command():
    script = [Path(sys.executable).with_name("neurorecon"), "--version"]
    module = [sys.executable, "-m", "neurorecon", "--version"]
    answers = {
        subprocess.run(run, capture_output=True, text=True, check=True).stdout
        for run in (script, module)
    }
    assert len(answers) == 1
    assert answers.pop().startswith("neurorecon ")


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory):
    """Names in a wheel built from a copy of the sources with a stand-in for the models."""
    source = tmp_path_factory.mktemp("source")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "neurorecon", source / "neurorecon", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    (source / "models").mkdir()
    (source / "models" / "stand_in.safetensors").write_bytes(b"weights")
    (source / "models" / "stand_in.md").write_text("card")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(build, cwd=source, capture_output=True, check=True)
    [wheel] = (source / "dist").glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_wheel_holds_the_package_and_the_models(wheel_names):
    files = (path for path in (ROOT / "neurorecon").rglob("*") if path.is_file())
    sources = {str(path.relative_to(ROOT)) for path in files if path.suffix != ".pyc"}
    assert {"neurorecon/report/web/page.html", "neurorecon/report/web/scene.js"} <= sources
    assert sources <= set(wheel_names)
    assert "neurorecon/py.typed" in wheel_names
    assert "neurorecon/_models/stand_in.safetensors" in wheel_names
    assert "neurorecon/_models/stand_in.md" in wheel_names
    for licence in ("LICENSE", "LICENSE-three"):
        assert any(name.endswith(f"/{licence}") and "licenses" in name for name in wheel_names)


def test_wheel_holds_nothing_else(wheel_names):
    tops = {name.split("/")[0] for name in wheel_names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"neurorecon"}
