"""Nobody but the door imports what takes trax and JAX for granted."""

import pytest

from tests.whole.test_import_direction import SOURCES, own_imports


@pytest.mark.parametrize("name", ["backend.mends", "backend.programs"])
def test_who_would_import_trax_in_any_other_way_goes_through_the_door(name):
    assert {other for other in SOURCES if name in own_imports(other)} == {"backend.door"}
