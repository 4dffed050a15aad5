"""`cmake --install` leaves a program that runs from where it was put and names the commit it was built from.

usage: install_test.py CMAKE BUILD_FOLDER
"""

import shutil
import subprocess
import sys
from pathlib import Path


def main(cmake, build):
    prefix = Path(build) / "install_test"
    shutil.rmtree(prefix, ignore_errors=True)
    subprocess.run([cmake, "--install", build, "--prefix", str(prefix)], check=True, stdout=subprocess.DEVNULL)
    version = subprocess.run([str(prefix / "bin" / "quandex"), "--version"], check=True, capture_output=True, text=True)
    header = (Path(build) / "generated" / "quandex_version.h").read_text()
    commit = header.split('QUANDEX_COMMIT "')[1].split('"')[0]
    if commit not in version.stdout:
        sys.exit(f"quandex --version does not name the commit {commit}:\n{version.stdout}")
    shutil.rmtree(prefix)


if __name__ == "__main__":
    main(*sys.argv[1:])
