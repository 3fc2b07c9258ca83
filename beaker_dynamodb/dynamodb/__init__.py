"""Calls to DynamoDB: client, transport, retries, errors, tables."""
