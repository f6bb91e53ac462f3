"""The weights that the server starts with, for NVFlare: a dictionary of numpy arrays."""

from __future__ import annotations

import network
from nvflare.app_common.abstract.model import make_model_learnable
from nvflare.app_common.abstract.model_persistor import ModelPersistor


class FreshNetwork(ModelPersistor):
    def load_model(self, fl_ctx):
        return make_model_learnable(weights=network.fresh(), meta_props={})

    def save_model(self, model, fl_ctx):
        """Nothing is kept of a demonstration but what the recorder writes."""
