"""Make builds reproducible: the same sources yield the same bytes.

Everything else is declared in pyproject.toml. setuptools writes the time of the build and
the names of users into source archives.
"""

from __future__ import annotations

import gzip
import os
import tarfile

from setuptools import setup
from setuptools.command.sdist import sdist

#: The date of all files in the archives, in epoch seconds: 2026-01-01. Wheels read it too.
EPOCH = int(os.environ.setdefault("SOURCE_DATE_EPOCH", "1767225600"))


class ReproducibleSdist(sdist):
    """Write a source archive that depends only on the files' contents."""

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, owner=None, group=None):
        """Write a .tar.gz, whatever the format, and return its name."""
        name = f"{base_name}.tar.gz"
        with (
            gzip.GzipFile(name, "wb", mtime=EPOCH) as compressed,
            tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            archive.add(base_dir, filter=_without_traces)
        return name


def _without_traces(member):
    member.mtime = EPOCH
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


setup(cmdclass={"sdist": ReproducibleSdist})
