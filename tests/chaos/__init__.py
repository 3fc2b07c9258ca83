"""What the package does while DynamoDB, or the way to it, fails; and a soak run."""
