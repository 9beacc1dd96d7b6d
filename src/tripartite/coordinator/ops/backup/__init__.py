"""Backups of the coordinator: made, proved, put back, and made before an upgrade."""
