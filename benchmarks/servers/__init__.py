"""The stores that candidates talk to, all on loopback, all ending with the benchmark."""
