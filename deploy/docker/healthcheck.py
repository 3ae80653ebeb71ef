"""Exit code 0 when the process of this container is alive; `KOS_HEALTH_PORT` says where it serves.

It asks `/healthz`, not `/readyz`: a dependency that is away is no reason to restart.
"""

import http.client
import os
import sys


def main() -> int:
    connection = http.client.HTTPConnection(
        "127.0.0.1", int(os.environ["KOS_HEALTH_PORT"]), timeout=2
    )
    try:
        connection.request("GET", "/healthz")
        return 0 if connection.getresponse().status == 200 else 1
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
