"""Copies the sessions of other stores into DynamoDB."""
