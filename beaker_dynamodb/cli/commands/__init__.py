"""One file per subcommand: its flags, and what it prints."""
