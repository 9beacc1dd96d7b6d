"""Log lines of every process of ours: JSON, without values that people must not find there."""
