"""What a real browser makes of our cookies: headless Chromium, driven by selenium."""
