"""What pip calls this package, the advice to install something, and whether `mnd` is ours.

On PyPI the name `mnd` belongs to another package with the same import name: nobody may be told to install it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

DISTRIBUTION = "mnd-cloak"
"""The name in `pyproject.toml`; import and command are `mnd`."""
EXTRAS = {
    "anchors": "foolbox",
    "frbench": "frbench",
    "heic": "pillow_heif",
    "onnx": "onnx2pytorch",
    "parquet": "pyarrow",
    "ray": "ray",
    "timm": "timm",
}
"""The module that shows whether an extra of this package is installed."""
SOURCE = "."
"""Where this package itself is installed from: the checkout."""


def pip_install(what: str) -> str:
    """The one line that installs an extra of this package, or a package of others.

    The quotes are those that every shell takes, also that of Windows. Where pipx or `uv tool` has made an
    environment of its own for the command, a plain `pip` is another environment's: it would look for this
    package on PyPI.

    Args:
        what: an extra in brackets, or the name of a package.

    >>> print(pip_install("[onnx]"), pip_install("pyarrow"), sep="; ")
    pip install "mnd-cloak[onnx]"; pip install pyarrow
    """
    wanted = f'"{DISTRIBUTION}{what}"' if what.startswith("[") else what
    here = Path(sys.prefix)
    if what != SOURCE and (here / "pipx_metadata.json").is_file():
        return f"pipx runpip {DISTRIBUTION} install {wanted}"
    if what != SOURCE and (here / "uv-receipt.toml").is_file():
        wanted = f'".{what}"' if what.startswith("[") else f". --with {what}"
        return f"uv tool install {wanted} in the checkout"
    return f"pip install {wanted}"


def refuse_stranger(package: Any) -> None:
    """Refuse to go on where another package's `mnd` lies over ours: half of each would run.

    Args:
        package: what `import mnd` gave.

    Raises:
        ImportError: it is not ours; the message says what to do.
    """
    if getattr(package, "__distribution__", None) == DISTRIBUTION:
        return
    where = getattr(package, "__file__", None) or "an unknown place"
    raise ImportError(
        f"{where} is not of {DISTRIBUTION}: another package named mnd was installed over it, expected "
        f"`{DISTRIBUTION}` alone. Remove both and install again: pip uninstall -y mnd {DISTRIBUTION}, "
        f"then {pip_install(SOURCE)} in the checkout",
        name="mnd",
        path=getattr(package, "__file__", None),
    )


def refuse_stranger_here() -> None:
    """`refuse_stranger` of the package that this file is part of."""
    refuse_stranger(sys.modules[__name__.partition(".")[0]])
