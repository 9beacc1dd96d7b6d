"""The messages that parties exchange, and what each party must do next."""
