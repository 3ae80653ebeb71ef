"""A relay in a process of its own, for tests that kill it: dsn, bootstrap."""

import asyncio
import sys

from shared.relay import run_relay

if __name__ == "__main__":
    asyncio.run(run_relay(sys.argv[1], sys.argv[2], "test", asyncio.Event()))
