"""Tests of the package's DynamoDB layer: clients, calls, errors, tables, scans."""
