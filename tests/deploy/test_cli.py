from typing import get_args

from deploy.local import bulk_import, cli, databases, replay
from shared.access import Role


def test_the_choices_are_those_of_the_code_behind_them() -> None:
    """They are repeated in the command line, which loads that code only when it needs it."""
    assert get_args(cli.Role) == tuple(Role)
    assert get_args(cli.Kind) == bulk_import.KINDS
    assert get_args(cli.Service) == databases.SERVICES
    assert get_args(cli.Verb) == get_args(replay.Verb)
