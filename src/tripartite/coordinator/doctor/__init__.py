"""Is this installation fit to run escrows? ``looking`` gathers facts, ``judging`` judges them."""
