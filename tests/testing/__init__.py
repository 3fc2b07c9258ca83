"""The embedded DynamoDB."""
