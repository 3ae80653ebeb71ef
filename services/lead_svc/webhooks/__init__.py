"""Events to SCRM systems: subscribed endpoints, signed deliveries in order per lead, their log."""
