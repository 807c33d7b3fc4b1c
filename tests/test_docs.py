"""The commands of the documentation are run as they stand there, page by page, in an empty folder.

A block is run where `<!-- run -->` stands above it; `<!-- run: stress -->`: by `make stress` only.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"<!-- run(: stress)? -->\n```sh\n(.*?)```", re.DOTALL)
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md") if BLOCK.search(path.read_text()))
STRESS = "NEURORECON_STRESS_RECORD" in os.environ


def test_links_to_pages_and_pictures_lead_somewhere():
    generated = {"options.md", "models.md", "changelog.md", "contributing.md"}
    for page in [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            there = (page.parent / target).exists() or Path(target).name in generated
            assert there, f"{page.relative_to(ROOT)}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_run_in_an_empty_folder(page, tmp_path):
    blocks = [text for stress, text in BLOCK.findall(page.read_text()) if STRESS or not stress]
    if not blocks:
        pytest.skip("make stress runs the commands of this page")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "neurorecon").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m neurorecon "$@"\n')
    (tools / "neurorecon").chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    done = subprocess.run(
        ["bash", "-c", "set -euxo pipefail\n" + "\n".join(blocks)],
        cwd=work,
        env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
