"""The bugs, a module each."""
