"""An installed wheel does what the quick start says, in an empty folder.

Run by the interpreter of an environment that holds the wheel and nothing of the repository.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

COMMANDS = (
    "simulate --out made --seed 4 --voxel-size 2 1 1",
    "segment made/random_0000.tif --out stack_seg.tif",
    "trace stack_seg.tif --out neuron.swc --preview neuron.png",
    "evaluate neuron.swc made/random_0000.swc --report report.html",
)

with tempfile.TemporaryDirectory() as folder:
    tool = str(Path(sys.executable).with_name("neurorecon"))
    where = [sys.executable, "-c", "import neurorecon; print(neurorecon.__file__)"]
    package = subprocess.run(where, cwd=folder, check=True, capture_output=True, text=True).stdout
    if "site-packages" not in package:
        sys.exit(f"this is not the wheel but {package.strip()}")
    for line in COMMANDS:
        subprocess.run([tool, *line.split()], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    missing = [
        name for name in ("neuron.png", "report.html") if not (Path(folder) / name).is_file()
    ]
    if missing:
        sys.exit(f"the wheel did not write {', '.join(missing)}")
print(f"the wheel runs: {package.strip()}")
