"""`--config` and `--save-options`: options from a file, and back into one."""

import json
import tomllib

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from neurorecon.cli.app import app

COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined]


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def stack(write_stack, tmp_path):
    return write_stack(tmp_path / "a.tif")


@pytest.fixture
def config(tmp_path):
    def write(text):
        path = tmp_path / "neurorecon.toml"
        path.write_text(text)
        return path

    return write


def voxel_size(*arguments):
    result = run("info", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)["voxel_size_zyx"]


@pytest.mark.parametrize(
    "text",
    [
        "[info]\nvoxel-size = [3, 2, 1.5]",
        "[info]\nvoxel_size = [3, 2, 1.5]",
        "voxel-size = [3, 2, 1.5]",
        "voxel-size = [9, 9, 9]\nthreshold = 0.3\n[info]\nvoxel-size = [3, 2, 1.5]",
    ],
)
def test_options_come_from_the_file(stack, config, text):
    assert voxel_size(stack, "--config", config(text)) == [3, 2, 1.5]


def test_one_text_is_a_list_of_one(stack, config, tmp_path):
    tree = tmp_path / "a.swc"
    tree.write_text("1 1 3 3 3 1 -1\n2 3 9 3 3 1 1\n")
    path = config(f"[view]\nout = '{tmp_path}/v.png'")
    assert run("view", tree, "--config", path).exit_code == 0
    assert (tmp_path / "v.png").stat().st_size


def test_the_command_line_wins(stack, config):
    path = config("[info]\nvoxel-size = [3, 2, 1.5]")
    assert voxel_size(stack, "--voxel-size", 4, 4, 4, "--config", path) == [4, 4, 4]


def test_switches_points_and_names_reach_the_command(stack, config, tmp_path):
    """A point outside of the stack is refused, so both forms of a list of points arrive."""
    for root in ("[[5, 5, 500]]", "[5, 5, 500]", '["5 5 500"]'):
        path = config(f'[trace]\ninput = "probability"\ninvert = false\nroot = {root}')
        result = run("trace", stack, "--out", tmp_path / "a.swc", "--config", path)
        assert result.exit_code == 2
        assert "5 5 500" in result.stderr


@pytest.mark.parametrize(
    ("text", "found", "cure"),
    [
        ("[trace]\ntreshold = 0.3", "treshold", "threshold?"),
        ("[trase]\nthreshold = 0.3", "trase", "trace?"),
        ("treshold = 0.3", "treshold", "threshold?"),
        ("[segment]\nthreshold = 0.3", "threshold", "there are: "),
        ("[trace]\nconfig = 'b.toml'", "config", ""),
        ("[trace]\nthreshold = true", "threshold", "number"),
        ("[trace]\nthreshold = 7", "--threshold", "neurorecon trace --help"),
        ("[trace]\nkeep-fragments = 'yes'", "keep-fragments", "true or false"),
        ("[trace]\nroot = 5", "root", "[...]"),
        ("[trace]\nvoxel-size = [1, 2]", "voxel-size", "3 values"),
        ("[trace]\nmodel = {a = 1}", "model", "quotes"),
        ("[[trace]]\nthreshold = 0.3", "trace", "[trace]"),
        ("trace = 3", "trace", "[trace]"),
        ("[trace\n", "line 1", "TOML"),
        ("threshold", "TOML", "option = value"),
    ],
)
def test_what_no_command_takes_is_refused_with_its_cure(stack, config, tmp_path, text, found, cure):
    result = run("trace", stack, "--out", tmp_path / "a.swc", "--config", config(text))
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert "neurorecon.toml" in line
    assert found in line and cure in line


def test_a_file_that_is_not_there(stack, tmp_path):
    for path in (tmp_path / "none.toml", tmp_path):
        result = run("info", stack, "--config", path)
        assert result.exit_code == 2
        assert str(path) in result.stderr


def test_an_empty_name_is_no_file(stack):
    result = run("info", stack, "--config", "")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--config names no file" in result.stderr


def test_saved_options_say_all_and_can_be_given_again(stack, tmp_path):
    saved, again = tmp_path / "options.toml", tmp_path / "again.toml"
    size = ("--voxel-size", 3, 2, 1.5)
    assert run("info", stack, *size, "--json", "--save-options", saved).exit_code == 0
    content = tomllib.loads(saved.read_text())
    assert content["info"]["voxel-size"] == [3, 2, 1.5]
    assert content["info"]["json"] is True
    assert not {"config", "save-options", "channel"} & set(content["info"])
    result = run("info", stack, "--config", saved, "--save-options", again)
    assert json.loads(result.stdout)["voxel_size_zyx"] == [3, 2, 1.5]
    assert tomllib.loads(again.read_text()) == content


def test_saved_options_do_not_replace_a_file(stack, tmp_path):
    saved = tmp_path / "options.toml"
    saved.write_text("mine")
    result = run("info", stack, "--save-options", saved)
    assert (result.exit_code, result.stdout) == (2, "")
    assert saved.read_text() == "mine"


def test_every_command_takes_a_config(config):
    path = config("nonsense = 1")
    for command in COMMANDS:
        result = run(command, "--config", path)
        assert "nonsense" in result.stderr, command
