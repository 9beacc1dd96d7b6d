"""Nothing stays stuck unseen: incidents, their alarms, and what a person does about them."""
