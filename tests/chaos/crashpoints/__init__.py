"""A process is stopped at every I/O point of its work, once before it and once after it."""
