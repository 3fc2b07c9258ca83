"""The applications in examples/: their pages, their start and stop, and screenshots of them."""
