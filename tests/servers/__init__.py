"""The DynamoDB servers that the tests run on, and what is needed to look at their traffic."""
