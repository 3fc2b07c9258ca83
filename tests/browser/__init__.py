"""Tests of the middleware's cookies in headless Chromium, driven by selenium."""
