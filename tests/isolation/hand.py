"""What every part of planting uses: requests of the brand, its texts and numbers."""

import random
import string
from dataclasses import dataclass, field
from typing import Any

from deploy.local.databases import Service
from shared.access import Principal
from tests.isolation.brand import Brand
from tests.isolation.world import World

Json = dict[str, Any]


@dataclass
class Hand:
    world: World
    brand: Brand
    chance: random.Random
    made: dict[str, Json] = field(default_factory=dict)

    async def post(
        self,
        service: Service,
        path: str,
        body: Any = None,
        *,
        by: Principal | None = None,
        method: str = "POST",
        **options: Any,
    ) -> Json:
        answer = await self.world.send(
            service, by or self.brand.admin, method, path, json=body, **options
        )
        assert answer.status_code in (200, 201), (path, answer.status_code, answer.text)
        found = answer.json()
        assert isinstance(found, dict)
        return found

    def text(self, word: str) -> str:
        return f"{self.brand.canary}-{word}"

    def phone(self) -> str:
        return "1390" + "".join(self.chance.choices(string.digits, k=7))
