"""The fixtures of the contract suite."""

from __future__ import annotations

from tests.contract.conftest import clock, open_namespace, options, sent

__all__ = ["clock", "open_namespace", "options", "sent"]
