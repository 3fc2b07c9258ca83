"""What an operator or a developer runs; nothing in here is on the way of a request."""
