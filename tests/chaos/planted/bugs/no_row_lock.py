"""A contact is changed without having been locked: two changes at a time start from one version."""

from tests.chaos.inject.edits import Edit
from tests.chaos.planted import Planted

BUG = Planted(
    says="a contact is changed without a row lock",
    edits=(
        Edit(
            "lead_svc.repository.contacts",
            "        .where(Contact.brand_id == brand_id, Contact.id == contact_id)\n"
            "        .with_for_update()\n",
            "        .where(Contact.brand_id == brand_id, Contact.id == contact_id)\n",
        ),
    ),
    breaks=frozenset({"I3", "I7"}),
    shows="was told as versions",
    trouble="two changes at a time",
)
