"""Who may speak to the coordinator: names, passwords, tokens, paired identities."""
