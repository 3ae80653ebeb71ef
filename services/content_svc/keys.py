"""The vault of content_svc's database, from its key files."""

from content_svc.settings import Settings
from shared.sealing import LocalKeyEncryption, Vault
from shared.settings import read_key


def open_vault(settings: Settings) -> Vault:
    key_encryption = LocalKeyEncryption({1: read_key(settings.kek_file)})
    return Vault(key_encryption, read_key(settings.index_key_file))
