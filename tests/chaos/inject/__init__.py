"""Changes put into a product process from outside, before its own code runs."""
