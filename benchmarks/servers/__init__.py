"""The stores of the candidates. All are on loopback and end with the benchmark."""
