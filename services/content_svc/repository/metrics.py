"""Figures of posts as they were reported."""

from collections.abc import Sequence

from sqlalchemy import func, or_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.models import PostMetric

FIGURES = ("views", "likes", "saves", "comments", "shares", "follows")

_METRIC_COLUMNS = [column.name for column in PostMetric.__table__.columns]
_NEW_METRIC = insert(PostMetric)
_ADD_METRIC = {
    is_correction: _NEW_METRIC.on_conflict_do_update(
        index_elements=["brand_id", "post_id", "measured_at"],
        set_={
            **{
                name: _NEW_METRIC.excluded[name]
                if is_correction
                else func.greatest(getattr(PostMetric, name), _NEW_METRIC.excluded[name])
                for name in FIGURES
            },
            "is_correction": or_(PostMetric.is_correction, _NEW_METRIC.excluded["is_correction"]),
        },
    )
    for is_correction in (True, False)
}


async def add_metrics(
    session: AsyncSession, metrics: Sequence[PostMetric], *, is_correction: bool
) -> None:
    """Keep reports; a repeat for the same time keeps the greater of each figure.

    A correction replaces what was reported for its time.
    """
    if metrics:
        await session.execute(
            _ADD_METRIC[is_correction],
            [{name: getattr(metric, name) for name in _METRIC_COLUMNS} for metric in metrics],
        )
