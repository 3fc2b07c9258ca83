"""Everything that knows DynamoDB; imports nothing from the rooms above."""
