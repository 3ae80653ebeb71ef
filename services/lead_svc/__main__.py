"""`python -m lead_svc api | worker | migrate | openapi [--check]`."""

import sys

from lead_svc.app import create_app
from lead_svc.settings import Settings
from lead_svc.worker import build
from shared.service import run_service

if __name__ == "__main__":
    sys.exit(run_service("lead", Settings, create_app, build))
