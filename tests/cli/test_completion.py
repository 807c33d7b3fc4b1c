"""Completion in bash, as `neurorecon --install-completion` sets it up."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
eval "$(neurorecon --show-completion bash)"
complete -p neurorecon >&2
COMP_WORDS=({words}) COMP_CWORD={last}
_neurorecon_completion neurorecon
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("neurorecon s", {"segment", "simulate"}),
        ("neurorecon trace --thr", {"--threshold"}),
        ("neurorecon run --conf", {"--config"}),
        ("neurorecon segment --model de", {"default"}),
        ("neurorecon convert --to p", {"precomputed"}),
    ],
)
def test_commands_and_options_are_completed(words, expected):
    script = SCRIPT.format(words=words, last=len(words.split()) - 1)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run(
        ["bash", "-c", script], env=env, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == expected
    assert "-o default" in done.stderr  # so that names of files are completed, too
