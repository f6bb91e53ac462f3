"""What a browser still says of widgets that are gone: a choice stands, however often it is repeated with them."""

from __future__ import annotations

import pytest

from tests.pages.opened import form, lab, widget
from tests.pages.rank_page import asked, rank
from tests.pages.test_stale import late, sent

CHOICES = [
    ("selectbox", "attack", ["dlg", "residual", "spear", "transformer", "auto"]),
    ("selectbox", "model", ["vit", "custom", "resnet18", "lenet"]),
    ("segmented_control", "client.kind", ["fedavg", "fedsgd"]),
    ("segmented_control", "server.kind", ["fishing", "imprint", "honest"]),
]


def test_a_drawing_stands_though_the_list_of_known_networks_is_still_reported(store):
    app = rank()
    widget(app, "segmented_control", "drawn").set_value("drawn")
    both = sent(app)  # with the list of known networks, which is drawn no more
    late(app, both, both)
    assert asked(app).model.kind == "custom"


@pytest.mark.parametrize(("kind", "name", "values"), CHOICES, ids=[name for _, name, _ in CHOICES])
def test_a_choice_stands_though_all_that_was_drawn_before_it_is_still_reported(store, kind, name, values):
    app, told = lab(), {}
    for value in values:
        widget(app, kind, name).set_value(value)
        told |= {state.id: state for state in sent(app).widgets}
        request = sent(app)
        request.ClearField("widgets")
        request.widgets.extend(told.values())
        late(app, request)
        chosen = form(app)
        late(app, request)
        assert form(app) == chosen, value
