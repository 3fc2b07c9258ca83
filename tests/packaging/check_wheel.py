"""Install a built wheel in an empty environment, and use it.

``python check_wheel.py DIST``, where DIST is a folder with one wheel and one sdist. Prints a line
per check, and stops with a traceback at the first that fails.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path
from zipfile import ZipFile

# If an import needed boto3 and it were missing, Beaker would warn and not know the type.
IMPORTS = """
import sys
from importlib.metadata import entry_points, version

import beaker_dynamodb
assert not {"boto3", "botocore"} & set(sys.modules), "importing beaker_dynamodb imports boto3"
assert version("beaker-dynamodb") == beaker_dynamodb.__version__
assert "site-packages" in beaker_dynamodb.__file__, beaker_dynamodb.__file__

found = {point.name: point for point in entry_points(group="beaker.backends")}
for name in ("ext:dynamodb", "dynamodb"):
    assert found[name].load() is beaker_dynamodb.DynamoDBNamespaceManager, name
assert not {"boto3", "botocore"} & set(sys.modules), "loading the backend imports boto3"
"""

# As Beaker imports it. It makes no calls, so no server is needed.
THROUGH_BEAKER = """
import warnings
warnings.simplefilter("error")

from beaker.cache import CacheManager
import beaker_dynamodb

for name in ("ext:dynamodb", "dynamodb"):
    cache = CacheManager(type=name, table_name="sessions", region_name="eu-west-1").get_cache("n")
    assert isinstance(cache.namespace, beaker_dynamodb.DynamoDBNamespaceManager), name
"""


def check_contents(wheel: Path, sdist: Path) -> None:
    """Check that the wheel has the package only, and the sdist what the tests need."""
    names = ZipFile(wheel).namelist()
    assert {"beaker_dynamodb"} == {
        name.split("/")[0] for name in names if ".dist-info/" not in name
    }, names
    modules = {str(path) for path in Path().glob("beaker_dynamodb/**/*.py")}
    assert {"beaker_dynamodb/py.typed", *modules} <= set(names), modules - set(names)
    assert any(name.endswith("/licenses/LICENSE") for name in names), names
    with tarfile.open(sdist) as tar:
        inside = {name.partition("/")[2] for name in tar.getnames()}
    wanted = {"setup.py", "tox.ini", "LICENSE", "example_wsgi.py", "tests/conftest.py"}
    assert wanted <= inside, wanted - inside
    print(f"{wheel.name}: {len(names)} files, all modules and py.typed among them")


def run(python: Path, *arguments: str) -> None:
    """Run the empty environment's Python, isolated from this checkout; fail if it fails."""
    # -I: neither the working directory nor PYTHONPATH is searched.
    subprocess.run([python, "-I", *arguments], cwd=python.parent, check=True)


def main(dist: Path) -> None:
    [wheel] = dist.glob("*.whl")
    [sdist] = dist.glob("*.tar.gz")
    check_contents(wheel, sdist)
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        run(python, *pip, "beaker")
        run(python, *pip, "--no-deps", str(wheel.resolve()))
        run(python, "-c", IMPORTS)
        print("without boto3: both entry points load")
        run(python, *pip, str(wheel.resolve()))
        run(python, "-c", IMPORTS)
        run(python, "-c", THROUGH_BEAKER)
        print("with boto3: both entry points load, boto3 is not imported, Beaker finds both")
        script = python.with_name("beaker-dynamodb")
        refused = subprocess.run([script], capture_output=True, text=True)
        assert (2, True) == (refused.returncode, "[cli]" in refused.stderr), refused
        run(python, *pip, f"{wheel.resolve()}[cli]")
        told = subprocess.run([script, "--version"], capture_output=True, text=True)
        version = wheel.name.split("-")[1]
        assert (0, f"beaker-dynamodb {version}\n") == (told.returncode, told.stdout), told
        helped = subprocess.run([script, "doctor", "--help"], capture_output=True, text=True)
        assert (0, "") == (helped.returncode, helped.stderr), helped
        print("the script says what to install; with the extra cli it works")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
