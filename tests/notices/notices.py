"""The page of notices, from the lock and from what the installed packages say of themselves."""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "THIRD-PARTY-NOTICES.md"
LOCK = ROOT / "requirements.txt"

# Packages that name their licence in a file only, or that are installed on other systems than this one.
KNOWN = {
    "resvg-py": "MIT (the renderer resvg in it: Apache-2.0 OR MIT)",
    "tzdata": "Apache-2.0",
}
SPDX = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "ISC License (ISCL)": "ISC",
}

HEAD = """\
# Third-party notices

Mini-CRM is under the MIT licence ([LICENSE](LICENSE)). It is installed with the packages below, each under its own.
`make notices` writes this page from the lock.

Each package brings the text of its licence: in the image, and wherever pip has installed it, in
`lib/python3.…/site-packages/<package>-<version>.dist-info/`. psycopg is used unmodified as a library; under the LGPL it
may be replaced by another version, in an environment or image of one's own. The same holds for certifi under the MPL.

## Parts of this repository

| what | where | licence |
|---|---|---|
| Swagger UI, © SmartBear Software Inc. | `crm_core/api/swagger_ui` | Apache-2.0, text and notices beside it |
| htmx and its extension hx-sse, © Big Sky Software | `bot/sandbox/page/static` | 0BSD, text beside it |
| DejaVu fonts, © Bitstream Inc. and others | `crm_core/pictures/fonts` | Bitstream Vera, Arev; text beside it |

## Packages

| package | version | licence |
|---|---|---|
"""


def locked() -> dict[str, str]:
    """Versions by the names of all packages of the runtime lock, those of other systems included."""
    return dict(re.findall(r"^([a-z0-9.-]+)==([^\s;]+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE))


def page() -> str:
    """The text of the page. Raises ValueError if a package says nothing of its licence."""
    return HEAD + "".join(f"| {name} | {version} | {licence(name)} |\n" for name, version in sorted(locked().items()))


def licence(name: str) -> str:
    """The licence of a package, as an SPDX expression where it has one. Raises ValueError if it is not known."""
    if name in KNOWN:
        return KNOWN[name]
    try:
        found = _licence(distribution(name))
    except PackageNotFoundError:
        found = ""
    if not found:
        raise ValueError(f"the licence of {name} is not known: add it to KNOWN in {Path(__file__).name}")
    return found


def _licence(package: Distribution) -> str:
    told = package.metadata
    if expression := told["License-Expression"]:
        return str(expression)
    classified = [one.rpartition(" :: ")[2] for one in told.get_all("Classifier") or () if one.startswith("License")]
    if names := [SPDX.get(one, one) for one in classified if one != "OSI Approved"]:
        return ", ".join(names)
    text = str(told["License"] or "")
    return text if text and "\n" not in text else ""
