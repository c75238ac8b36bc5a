"""Builds docs/ as a static site in build/docs; a warning fails the build.

    make docs      # = .venv/bin/python tools/docs_site.py

Sphinx is installed on first use, in an environment of its own (requirements/docs.lock). The site needs no server and no
network: fonts, scripts and the search index are files in it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tool_environment import provide

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "build" / "docs"


def main() -> int:
    """Builds the site and returns the exit code."""
    try:
        environment = provide("docs", ROOT / "requirements" / "docs.lock")
    except subprocess.CalledProcessError as error:
        print(f"Sphinx can't be installed:\n{error.stderr}", file=sys.stderr)
        return 1
    shutil.rmtree(SITE, ignore_errors=True)
    environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    command = [str(environment / "bin" / "python"), "-m", "sphinx", "--builder", "html", "--fail-on-warning",
               "--keep-going", "--quiet", "--doctree-dir", str(ROOT / "build" / "doctrees"),
               str(ROOT / "docs"), str(SITE)]
    code = subprocess.run(command, env=environ, check=False).returncode
    if code == 0:
        print(f"site: {SITE / 'index.html'}")
    return code


if __name__ == "__main__":
    sys.exit(main())
