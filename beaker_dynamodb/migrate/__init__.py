"""Copy sessions from other Beaker backends to DynamoDB."""
