"""The lowest versions that `pyproject.toml` allows, as constraints for pip; in an environment of their own:

python scripts/lower_bounds.py --out lowest.txt --extras anchors,onnx,parquet,timm
python3.11 -m venv lowest
lowest/bin/pip install -c lowest.txt ".[anchors,onnx,parquet,timm]" \\
    pytest pytest-xdist hypothesis jsonschema pyyaml torchmetrics
lowest/bin/python -m pytest -n 0 $(python scripts/lower_bounds.py --tests)

`--tests` names those that are run there: a photo from the file to the proof, losses, formats, the command.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTS = (
    "tests/cloaking/test_cloaker.py",
    "tests/losses",
    "tests/optimizer",
    "tests/photo/test_photo.py",
    "tests/photo/test_metadata.py",
    "tests/cli/test_command.py",
    "tests/cli/test_doctor.py",
    "tests/ui/test_app.py",
    "tests/test_layers.py",
)
"""A set that takes minutes."""


def requirements(extras: Sequence[str] = ()) -> list[str]:
    """Those of all installs and of these extras.

    Raises:
        SystemExit: there is no such extra.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    optional = project["optional-dependencies"]
    if unknown := [extra for extra in extras if extra not in optional]:
        raise SystemExit(f"got the extras {unknown}, expected some of {', '.join(optional)}")
    return [*project["dependencies"], *(line for extra in extras for line in optional[extra])]


def lowest(lines: Iterable[str]) -> Iterator[str]:
    """Each requirement at its lower bound.

    >>> list(lowest(["torch>=2.3", "lpips>=0.1.4,<0.2", "jpeglib>=1.0; platform_machine != 'aarch64'"]))
    ['torch==2.3', 'lpips==0.1.4', "jpeglib==1.0; platform_machine != 'aarch64'"]
    """
    for line in lines:
        wanted, semicolon, where = line.partition(";")
        found = re.fullmatch(r"([\w.-]+)>=([\w.]+)(?:,<[\w.]+)?", wanted.strip())
        if found is None:
            if re.match(r"mnd-cloak\[", wanted):
                continue
            raise SystemExit(
                f"got the requirement {line!r}, expected NAME>=VERSION or NAME>=VERSION,<VERSION"
            )
        yield f"{found[1]}=={found[2]}{semicolon}{where}"


def main() -> None:
    """Print or write the constraints, or the tests."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--extras", default="", help="also of these, separated by commas")
    parser.add_argument("--out", type=Path, help="a file, instead of standard output")
    parser.add_argument("--tests", action="store_true", help="print the tests to run instead")
    args = parser.parse_args()
    if args.tests:
        print(*TESTS)
        return
    text = "".join(f"{line}\n" for line in lowest(requirements([it for it in args.extras.split(",") if it])))
    if args.out is None:
        print(text, end="")
    else:
        args.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
