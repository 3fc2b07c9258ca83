"""Explain why DynamoDB did not answer a call: what failed, where, and what to check."""

from __future__ import annotations

import os
import re
import socket
from functools import lru_cache
from urllib.parse import urlsplit

#: The host names of AWS endpoints, such as dynamodb.eu-west-1.amazonaws.com.
_AWS_HOST = r"(?:.*\.)?dynamodb(?:-fips)?\.([a-z0-9-]+)\.\S*amazonaws\.com(\.cn)?"


def explain(error: Exception) -> str:
    """Return what happened and what to check, for a call without a usable answer or with a 5xx."""
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        return f"it returns only errors ({error.response['Error'].get('Code') or 'HTTP'})"
    if isinstance(error, exceptions.NoCredentialsError):
        return _no_credentials()
    credentials = (
        exceptions.CredentialRetrievalError,
        exceptions.MetadataRetrievalError,
        exceptions.PartialCredentialsError,
        exceptions.SSOError,
        exceptions.TokenRetrievalError,
    )
    if isinstance(error, credentials):
        return (
            f"not sent, because the AWS credentials could not be obtained ({describe(error)}). "
            "Check the role or the profile of this process"
        )
    return _no_answer(error, getattr(error, "kwargs", {}).get("endpoint_url") or "")


def _no_credentials() -> str:
    files = (
        os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
        os.environ.get("AWS_CONFIG_FILE", "~/.aws/config"),
    )
    profile = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or "default"
    return (
        "not sent, because no AWS credentials were found. botocore looked in the environment "
        f"(AWS_ACCESS_KEY_ID), for the profile {profile!r} in {' and '.join(files)}, and for a "
        "role of the container or the instance. Give the process a role, or set AWS_PROFILE"
    )


def _no_answer(error: Exception, url: str) -> str:
    from botocore import exceptions
    from botocore.parsers import ResponseParserError

    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    where = f"DynamoDB at {host}:{port}" if host else "DynamoDB"
    root = root_error(error)
    if isinstance(root, socket.gaierror):
        return f"cannot connect to {where}: {_name_failure(host)}"
    if isinstance(error, exceptions.ProxyConnectionError):
        return "cannot connect to the proxy of this process. Check HTTPS_PROXY and NO_PROXY"
    if isinstance(error, exceptions.SSLError):
        return f"cannot connect to {where}: TLS failed. Check endpoint_url and AWS_CA_BUNDLE"
    if isinstance(root, ConnectionRefusedError):
        check = "Is it running?" if _is_local(host) else "Check endpoint_url and the firewall"
        return f"cannot connect to {where}: connection refused. {check}"
    if isinstance(error, exceptions.ConnectTimeoutError):
        return (
            f"cannot connect to {where}: timed out. Check region_name, the security group and the "
            "VPC endpoint"
        )
    if isinstance(error, exceptions.EndpointConnectionError):
        return f"cannot connect to {where} ({describe(root)}). Check region_name and the network"
    if isinstance(error, exceptions.ReadTimeoutError):
        return f"{where} did not answer within read_timeout"
    if isinstance(error, exceptions.ConnectionClosedError):
        return f"{where} closed the connection without an answer"
    if isinstance(error, ResponseParserError):
        return f"the answer cannot be read ({describe(error)})"
    return f"no answer ({describe(error)})"


def _name_failure(host: str) -> str:
    region = re.fullmatch(_AWS_HOST, host)
    if region is None:
        return "the host name does not exist, or DNS fails. Check endpoint_url and the DNS resolver"
    known = _regions("aws-cn" if region[2] else "aws")
    if region[1] in known:
        return "its name cannot be resolved. Check the DNS resolver and the network of this machine"
    # Imported here, because a process without errors does not need it.
    import difflib

    close = difflib.get_close_matches(region[1], known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"the host name does not exist. Check region_name ({region[1]!r}{hint})"


@lru_cache
def _regions(partition: str) -> list[str]:
    import botocore.session

    found: list[str] = botocore.session.Session().get_available_regions("dynamodb", partition)
    return found


def _is_local(host: str) -> bool:
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def root_error(error: BaseException) -> BaseException:
    """Return the operating system's error behind an exception, or the exception itself."""
    inner: BaseException | None = error
    while inner is not None and not isinstance(inner, OSError):
        inner = inner.__cause__ or inner.__context__
    return error if inner is None else inner


def describe(error: BaseException) -> str:
    """Describe an exception without values or the output of a credential helper."""
    from botocore.exceptions import ConfigParseError, CredentialRetrievalError

    name = type(error).__name__
    if isinstance(error, CredentialRetrievalError):
        provider = error.kwargs.get("provider")
        return f"{name}: {provider} returned no credentials; its output is not shown"
    if isinstance(error, ConfigParseError):
        return f"{name}: {error}"
    if isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f": {error.filename!r}"
        return f"{name}: {error.strerror}{where}"
    return name
