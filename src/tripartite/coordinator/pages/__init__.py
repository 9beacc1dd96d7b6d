"""The pages for people: everything that a browser shows, and what stands around it."""
