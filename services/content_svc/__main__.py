"""`python -m content_svc api | worker | migrate | openapi [--check]`."""

import sys

from shared.service import run_service

if __name__ == "__main__":
    sys.exit(run_service("content"))
