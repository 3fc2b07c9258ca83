"""Runs each candidate in its own process, and summarizes rounds."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar

from benchmarks.candidates import CANDIDATES, Candidate, express
from benchmarks.servers.stores import ROOT
from benchmarks.store import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, Store, table_name

T = TypeVar("T")


class Failed(Exception):
    """A candidate failed with this message."""


def environment() -> dict[str, str]:
    """Return a candidate's environment: the local servers' AWS account, and no proxy."""
    # Let candidates cache bytecode: the first request must not include compiling.
    other = ("AWS_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(other)}
    return kept | {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def python(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module of the benchmark."""
    return [sys.executable, "-m", f"benchmarks.{module}", *arguments]


class Process:
    """A candidate's process, see worker.py."""

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self._process = subprocess.Popen(
            python("worker", candidate.name),
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, do: str, **arguments: Any) -> Any:
        """Run a command in the process.

        :raises Failed: the command failed.
        """
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        store = arguments.get("store")
        if isinstance(store, Store):
            arguments["store"] = asdict(store)
        process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        reply = json.loads(line) if line else {"error": "its process ended"}
        if "error" in reply:
            raise Failed(reply["error"])
        return reply["answer"]

    def stop(self) -> None:
        """End the process."""
        self._process.communicate()


class Fleet(AbstractContextManager["Fleet"]):
    """The processes of all candidates that can run here.

    :param names: the wanted candidates; empty means all.
    :param others: stores of the candidates that do not use DynamoDB, by their kind.
    """

    def __init__(self, names: Sequence[str], others: dict[str, Store | None]) -> None:
        self.others = others
        self.processes: dict[str, Process] = {}
        self.versions: dict[str, str] = {}
        #: Why candidates do not run, by their titles.
        self.left_out: dict[str, str] = {}
        for candidate in CANDIDATES:
            if names and candidate.name not in names:
                continue
            reason = self._missing(candidate)
            if reason is None:
                self.processes[candidate.name] = Process(candidate)
                for name in candidate.packages:
                    self.versions[name] = version(name)
            else:
                self.left_out[candidate.title] = reason

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.stop()

    def each(
        self, dynamodb: Store, *, others: bool = True, first: bool = False
    ) -> Iterator[tuple[Process, Store]]:
        """Yield the running processes, each with its store.

        :param others: include candidates that do not use DynamoDB.
        :param first: include candidates that are measured only for the first request.
        """
        for process in list(self.processes.values()):
            candidate = process.candidate
            if (others or candidate.kind == "dynamodb") and (first or not candidate.only_first):
                yield process, self.others.get(candidate.kind) or dynamodb

    def leave_out(self, process: Process, error: Failed) -> None:
        """Continue without a candidate that failed."""
        process.stop()
        self.left_out[process.candidate.title] = str(error)
        del self.processes[process.candidate.name]

    def create_tables(self, dynamodb: Store) -> None:
        """Create each candidate's table before anything is measured."""
        client = dynamodb_client(dynamodb)
        for process in self.processes.values():
            candidate = process.candidate
            if candidate.kind == "dynamodb":
                name = table_name(candidate.name)
                create_table(client, name, candidate.hash_key, candidate.hash_key_type)

    def _missing(self, candidate: Candidate) -> str | None:
        """Return why a candidate cannot run here, or None if it can."""
        for name in candidate.packages:
            try:
                version(name)
            except PackageNotFoundError:
                return f"{name} is not installed (benchmarks/requirements.txt)"
        if candidate.kind in self.others and self.others[candidate.kind] is None:
            return f"{candidate.kind} is not installed"
        if candidate.name == "express":
            try:
                express.install()
            except RuntimeError as error:
                return str(error)
        return None


def dynamodb_client(dynamodb: Store, connections: int = 10) -> Any:
    """Return a client with boto3's defaults.

    :param connections: number of connections that it keeps open; boto3's default is ten.
    """
    import boto3
    from botocore.config import Config

    return boto3.session.Session(
        aws_access_key_id=ACCESS_KEY_ID, aws_secret_access_key=SECRET_ACCESS_KEY
    ).client(
        "dynamodb",
        endpoint_url=dynamodb.url,
        region_name=REGION,
        verify=dynamodb.ca_bundle or None,
        config=Config(max_pool_connections=connections),
    )


def create_table(client: Any, name: str, hash_key: str = "id", hash_key_type: str = "S") -> None:
    """Create a table with a partition key."""
    client.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": hash_key, "AttributeType": hash_key_type}],
        KeySchema=[{"AttributeName": hash_key, "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )


def spread(values: Iterable[float]) -> dict[str, float]:
    """Return median, minimum and maximum of interleaved rounds."""
    known = list(values)
    return {"median": statistics.median(known), "min": min(known), "max": max(known)}


def ratio(these: Iterable[float], those: Iterable[float]) -> dict[str, float]:
    """Return the spread of ratios, round by round: a slow moment affects both sides."""
    return spread(a / b for a, b in zip(these, those, strict=True))


def figures(rounds: Iterable[dict[str, float]], name: str) -> list[float]:
    """Return one figure of each round."""
    return [round_[name] for round_ in rounds]


def rotated(order: list[T], number: int) -> list[T]:
    """Return the order of a round, in which no candidate always runs after the same one."""
    start = number % len(order)
    return order[start:] + order[:start]
