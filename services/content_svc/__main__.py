"""`python -m content_svc api | worker | migrate | openapi [--check]`."""

import sys

from content_svc.app import create_app
from content_svc.settings import Settings
from content_svc.worker import build
from shared.service import run_service

if __name__ == "__main__":
    sys.exit(run_service("content", Settings, create_app, build))
