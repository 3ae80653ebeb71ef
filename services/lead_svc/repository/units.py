"""SQL of the org tree as it is asked everywhere: who is below whom."""


def below(*, brand: str, units: str) -> str:
    """A subquery: the ids of the units in the array `units` and of all units below them.

    By their parents, because PostgreSQL does not look `ancestor_ids` up in an index under row-level
    security (the operator is not leakproof) and would read every unit of the brand. `offset 0`
    keeps it from doing so all the same, for it expects many units.
    """
    return f"""(with recursive below (id) as (
        select unnest({units})
        union select child.id from below cross join lateral (
            select u.id from org_unit u where u.brand_id = {brand} and u.parent_id = below.id
            offset 0) child
    ) select id from below)"""
