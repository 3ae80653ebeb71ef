"""`python -m account_svc api | worker | migrate | openapi [--check]`."""

import sys

from account_svc.app import create_app
from account_svc.settings import Settings
from account_svc.worker import build
from shared.service import run_service

if __name__ == "__main__":
    sys.exit(run_service("account", Settings, create_app, build))
