from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lead_svc.settings import Settings
from lead_svc.webhooks.targets import TargetPolicy
from shared.settings import Environment


@pytest.mark.parametrize(
    "change", [{"webhook_allow_private": True}, {"webhook_ca_file": Path("ca.pem")}]
)
def test_l12_private_webhook_targets_are_refused_in_production(
    settings: Settings, change: dict[str, Any]
) -> None:
    values = {**settings.model_dump(), **change}

    development = Settings(**{**values, "environment": Environment.DEVELOPMENT})
    with pytest.raises(ValidationError, match="for development"):
        Settings(**{**values, "environment": Environment.PRODUCTION})

    assert development.target_policy == TargetPolicy(
        change.get("webhook_allow_private", False), change.get("webhook_ca_file")
    )
