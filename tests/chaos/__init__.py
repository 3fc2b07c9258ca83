"""The store fails, clocks jump, input is hostile: what must hold all the same."""
