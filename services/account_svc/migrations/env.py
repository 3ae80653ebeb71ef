from account_svc.models import Base
from shared.migrations import run_environment

run_environment(Base.metadata, "ACCOUNT_MIGRATION_DATABASE_URL")
