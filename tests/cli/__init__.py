"""The command `beaker-dynamodb`."""
