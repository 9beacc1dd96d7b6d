"""Whose agent is online: agents say so, and silence is noticed."""
