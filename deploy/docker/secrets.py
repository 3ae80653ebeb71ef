"""Make the secrets of docker-compose.yml: `python -m deploy.docker.secrets [FOLDER]`.

One file each, as the containers find them under /run/secrets. What is there is kept, so it may be
repeated; copy the folder somewhere safe: without its keys the databases cannot be read. `jwks` is
the public half of a development issuer: replace it with that of your identity provider.

Only its owner may enter the folder; the files in it are readable, because a container reads them
as another user.
"""

import secrets
import sys
from pathlib import Path

from deploy.local import databases, identity
from deploy.local.databases import SERVICES
from deploy.local.identity import KEY_KINDS

FOLDER = Path(__file__).with_name("secrets")
POSTGRES = "postgres:5432"
URLS = {
    "app": "database_url",
    "worker": "worker_database_url",
    "relay": "relay_database_url",
    "owner": "migration_database_url",
    "intake": "intake_database_url",
}
"""The setting that holds the URL of each role."""


def write_secrets(folder: Path) -> None:
    passwords = identity.ensure_secrets(folder / "keys")
    keys = {f"{name}_{kind}": f"{name}-{kind}" for name in SERVICES for kind in KEY_KINDS}
    copied = keys | {
        "service_secret": "service-secret",
        "passwords": "passwords.json",
        "jwks": "jwks.json",
    }
    texts = {name: (folder / "keys" / source).read_text() for name, source in copied.items()}
    admin_url = f"postgresql://postgres:{passwords['postgres']}@{POSTGRES}/postgres"
    texts |= {"postgres_password": passwords["postgres"], "kos_postgres_url": admin_url}
    for service in SERVICES:
        urls = databases.urls_of(admin_url, service, passwords)
        for role, setting in URLS.items():
            if url := getattr(urls, role):
                texts[f"{service}_{setting}"] = url
    texts["grafana_password"] = secrets.token_urlsafe(18)
    folder.chmod(0o700)
    for name, text in texts.items():
        path = folder / name
        # a key set of the installation's own issuer, a password that was changed: kept
        if not path.exists():
            path.write_text(text)
        path.chmod(0o644)


if __name__ == "__main__":
    chosen = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    write_secrets(chosen)
    print(f"the secrets of docker-compose.yml are in {chosen}")
