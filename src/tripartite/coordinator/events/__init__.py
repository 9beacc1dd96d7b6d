"""The append-only, hash-chained event log, and the WebSocket that tails it."""
