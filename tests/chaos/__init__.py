"""What must hold even if the store fails, clocks jump and input is hostile."""
