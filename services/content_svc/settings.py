"""Settings of content_svc; environment variables start with `CONTENT_`."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="CONTENT_")

    port: int = 8082
    worker_port: int = 8182
    asset_store_url: str
    """`file:///folder` or `s3://bucket/prefix`; credentials of S3 come from its own variables."""
    largest_asset_bytes: int = 256 * 1024 * 1024
    douyin_url: str = "https://open.douyin.com"
    wecom_url: str = "https://qyapi.weixin.qq.com"
    platform_timeout_seconds: float = 15.0
    handoff_hosts: dict[str, list[str]] = Field(
        default={
            "xiaohongshu": ["www.xiaohongshu.com"],
            "channels": ["channels.weixin.qq.com"],
        }
    )
    """By platform: hosts (with a port unless it is the scheme's) of links that prove a handoff."""
    handoff_link: str = "kos://handoffs/{post_id}"
    """Opens the handoff in the brand's seller app, where the platform's share kit takes over."""
    handoff_minutes: int = 24 * 60
    """How long a seller has to publish by hand."""
    review_poll_seconds: float = 30.0
    """Between two looks at a post that the platform reviews."""
    measure_first_seconds: float = 600.0
    """From publication to the first reading of figures; the pause then doubles, up to a day."""
    measure_days: int = 30
    dispatch_concurrency: int = 16
    dispatch_backoff_seconds: float = 4.0
    """Pause before the second attempt at a post; it doubles, up to ten minutes."""
    dispatch_lease_seconds: float = 90.0
    """After this long without a result the outcome of a call counts as unknown and is looked up."""
