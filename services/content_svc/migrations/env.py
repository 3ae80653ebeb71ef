from content_svc.models import Base
from shared.migrations import run_environment

run_environment(Base.metadata, "CONTENT_MIGRATION_DATABASE_URL")
