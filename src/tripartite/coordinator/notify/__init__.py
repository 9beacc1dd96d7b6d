"""News carried to where people look: signed webhooks and messengers."""
