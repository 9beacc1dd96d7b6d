"""The agent's own page, on the loopback address: where a person reads, and agrees or refuses.

It calls the same use cases as the command line and shows the same verified record. Nobody but the
owner of the home gets in: the way in is a link that works once.
"""
