"""All worlds by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from isometry.simulation.worlds import ordinary
from isometry.simulation.worlds.car_park import build_car_park
from isometry.simulation.worlds.hedged_road import build_hedged_road
from isometry.simulation.worlds.office_floors import build_office_floors
from isometry.simulation.worlds.row_houses import build_row_houses
from isometry.simulation.worlds.tunnel import build_even_tunnel, build_tunnel_with_niches
from isometry.simulation.worlds.twin_halls import build_twin_halls
from isometry.simulation.worlds.warehouse import build_warehouse
from isometry.simulation.worlds.world import World

WORLDS: Mapping[str, Callable[[np.random.Generator], World]] = MappingProxyType(
    {
        "hedged-road": build_hedged_road,
        "tunnel": build_even_tunnel,
        "tunnel-with-niches": build_tunnel_with_niches,
        "row-houses": build_row_houses,
        "car-park": build_car_park,
        "warehouse": build_warehouse,
        "twin-halls": build_twin_halls,
        "office-floors": build_office_floors,
        "street": ordinary.build_street_round,
        "town": ordinary.build_town_round,
        "building": ordinary.build_building_walk,
    }
)


def build_world(name: str, seed: int) -> World:
    """The world of a name and a seed; the same two give the same world. Raises ValueError for another name."""
    if name not in WORLDS:
        raise ValueError(f"there is no world {name!r}: it must be one of {', '.join(WORLDS)}")
    return WORLDS[name](np.random.default_rng([seed, *name.encode()]))
