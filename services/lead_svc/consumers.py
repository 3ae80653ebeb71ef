"""Kafka edge: what lead_svc does about the facts of others and about its own captured leads."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.hooks import Unreadable
from lead_svc.repository import directory
from lead_svc.use_cases import directory as directory_changes
from lead_svc.use_cases import handovers
from lead_svc.use_cases.contacts import Crowded
from lead_svc.use_cases.qualify import QUALIFY, NoSuchForm, learn_more, qualify
from shared import timers
from shared.consumer import Handler, Poison, Transient
from shared.events import Event, Received
from shared.events.account import (
    AccountActivated,
    AccountChanged,
    AccountHandedOver,
    AccountPairChecked,
    AccountRegistered,
    AccountRestricted,
    AccountRetired,
    AccountStatus,
    AccountSuspended,
    CertificateEarned,
    CertificateExpired,
    HandoverCancelled,
    HandoverFinished,
    HandoverStarted,
    HandoverTakersChanged,
    StaffAbsent,
    StaffChanged,
    StaffDeparted,
    StaffJoined,
    StaffReturned,
    UnitAdded,
    UnitChanged,
    UnitMoved,
)
from shared.events.content import CampaignLaunched, PostPublished
from shared.events.lead import LeadCaptured, LeadUpdated
from shared.sealing import Unreadable as Sealed
from shared.sealing import Vault

DIRECTORY_TOPICS = (
    "kos.org",
    "kos.staff",
    "kos.account",
    "kos.post",
    "kos.campaign",
    "kos.handover",
)
PIPELINE_TOPICS = ("kos.lead",)


async def on_unit(session: AsyncSession, received: Received[UnitAdded]) -> None:
    await directory_changes.place_unit(session, received.brand_id, received.event)


async def on_unit_moved(session: AsyncSession, received: Received[UnitMoved]) -> None:
    event = received.event
    await directory_changes.move_unit(session, received.brand_id, event.unit_id, event.ancestor_ids)


async def on_staff(session: AsyncSession, received: Received[StaffJoined]) -> None:
    await directory.save_seller(session, received.brand_id, received.event)


async def on_staff_absent(session: AsyncSession, received: Received[StaffAbsent]) -> None:
    event = received.event
    await directory_changes.mark_absent(
        session, received.brand_id, event.staff_id, event.from_at, event.until_at
    )


async def on_staff_returned(session: AsyncSession, received: Received[StaffReturned]) -> None:
    await directory.set_absence(session, received.brand_id, received.event.staff_id, None, None)


async def on_staff_departed(session: AsyncSession, received: Received[StaffDeparted]) -> None:
    await directory_changes.mark_departed(session, received.brand_id, received.event.staff_id)


async def on_certificate_earned(
    session: AsyncSession, received: Received[CertificateEarned]
) -> None:
    await directory.save_right(session, received.brand_id, received.event)


async def on_certificate_expired(
    session: AsyncSession, received: Received[CertificateExpired]
) -> None:
    event = received.event
    await directory.remove_right(session, received.brand_id, event.staff_id, event.right)


async def on_account_registered(
    session: AsyncSession, received: Received[AccountRegistered]
) -> None:
    """Also for AccountChanged, which tells the same facts."""
    await directory.save_account(session, received.brand_id, received.event)


async def on_account_handed_over(
    session: AsyncSession, received: Received[AccountHandedOver]
) -> None:
    event = received.event
    await directory.hand_over_account(
        session, received.brand_id, event.account_id, event.staff_id, event.unit_id
    )


async def on_pair_checked(session: AsyncSession, received: Received[AccountPairChecked]) -> None:
    await directory.save_pair(session, received.brand_id, received.event, received.version)


def on_account_status(status: AccountStatus) -> Handler:
    async def on_change(session: AsyncSession, received: Received[AccountActivated]) -> None:
        await directory.set_account_status(
            session, received.brand_id, received.event.account_id, status
        )

    return on_change


async def on_post_published(session: AsyncSession, received: Received[PostPublished]) -> None:
    await directory.save_post(session, received.brand_id, received.event)


async def on_campaign_launched(session: AsyncSession, received: Received[CampaignLaunched]) -> None:
    await directory.save_campaign(session, received.brand_id, received.event)


async def on_handover_started(session: AsyncSession, received: Received[HandoverStarted]) -> None:
    await handovers.begin(session, received.brand_id, received.event)


async def on_handover_takers_changed(
    session: AsyncSession, received: Received[HandoverTakersChanged]
) -> None:
    await handovers.change_takers(session, received.brand_id, received.event)


async def on_handover_cancelled(
    session: AsyncSession, received: Received[HandoverCancelled]
) -> None:
    await handovers.cancel(session, received.brand_id, received.event)


async def on_handover_finished(session: AsyncSession, received: Received[HandoverFinished]) -> None:
    await handovers.end(session, received.brand_id, received.event)


DIRECTORY_HANDLERS: Mapping[type[Event], Handler] = {
    UnitAdded: on_unit,
    UnitChanged: on_unit,
    UnitMoved: on_unit_moved,
    StaffJoined: on_staff,
    StaffChanged: on_staff,
    StaffAbsent: on_staff_absent,
    StaffReturned: on_staff_returned,
    StaffDeparted: on_staff_departed,
    CertificateEarned: on_certificate_earned,
    CertificateExpired: on_certificate_expired,
    AccountRegistered: on_account_registered,
    AccountChanged: on_account_registered,
    AccountActivated: on_account_status(AccountStatus.ACTIVE),
    AccountRestricted: on_account_status(AccountStatus.RESTRICTED),
    AccountSuspended: on_account_status(AccountStatus.SUSPENDED),
    AccountRetired: on_account_status(AccountStatus.RETIRED),
    AccountHandedOver: on_account_handed_over,
    AccountPairChecked: on_pair_checked,
    PostPublished: on_post_published,
    CampaignLaunched: on_campaign_launched,
    HandoverStarted: on_handover_started,
    HandoverTakersChanged: on_handover_takers_changed,
    HandoverCancelled: on_handover_cancelled,
    HandoverFinished: on_handover_finished,
}


def pipeline_handlers(vault: Vault, grace: timedelta) -> Mapping[type[Event], Handler]:
    """Handlers of our own captured leads. They lock a lead, contacts and sellers, so each event
    needs a transaction of its own."""

    async def on_lead_captured(session: AsyncSession, received: Received[LeadCaptured]) -> None:
        brand_id, lead_id = received.brand_id, received.event.lead_id
        try:
            again_at = await qualify(session, vault, brand_id, lead_id, grace=grace)
        except (NoSuchForm, Unreadable, Sealed) as error:
            raise Poison("the receipt does not give the lead") from error
        except Crowded as error:
            raise Transient("others claim the same person") from error
        if again_at is not None:
            await timers.schedule(session, brand_id, QUALIFY, lead_id, again_at)

    async def on_lead_updated(session: AsyncSession, received: Received[LeadUpdated]) -> None:
        event = received.event
        try:
            await learn_more(session, vault, received.brand_id, event.lead_id, event.receipt_id)
        except (NoSuchForm, Unreadable, Sealed) as error:
            raise Poison("the receipt does not give the lead") from error
        except Crowded as error:
            raise Transient("others claim the same person") from error

    return {LeadCaptured: on_lead_captured, LeadUpdated: on_lead_updated}
