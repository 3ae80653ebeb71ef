import uvicorn

from deploy.sandbox.app import create_app
from deploy.sandbox.faults import ResettableProtocol
from deploy.sandbox.settings import Settings

SHUTDOWN_SECONDS = 2


def main() -> None:
    settings = Settings()
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        http=ResettableProtocol,
        access_log=False,
        log_level="warning",
        # A call that a fault holds would otherwise keep the process from stopping.
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


if __name__ == "__main__":
    main()
