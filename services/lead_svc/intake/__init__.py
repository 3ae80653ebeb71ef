"""From a platform's request to durable rows: the edge, the batch writer, connections, receipts."""

from lead_svc.intake.edge import HookEdge
from lead_svc.intake.intake import Intake, open_intake
from lead_svc.intake.statement import TELL_MORE
from lead_svc.intake.use_cases import telling_more

__all__ = ["TELL_MORE", "HookEdge", "Intake", "open_intake", "telling_more"]
