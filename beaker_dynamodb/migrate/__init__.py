"""Copies sessions from other Beaker backends to DynamoDB."""
