"""The embedded DynamoDB, for development and tests."""
