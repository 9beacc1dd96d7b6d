"""The server: it carries sealed messages and keeps the record. It holds no keys."""
