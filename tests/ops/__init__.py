"""What an operator runs: the command and the parts behind it."""
