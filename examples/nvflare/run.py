"""Two clients, two rounds of FedAvg in NVFlare's simulator, each client's rounds recorded.

.venv-nvflare/bin/python examples/nvflare/run.py out/nvflare
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1])]

from nvflare.apis.dxo import DataKind  # noqa: E402
from nvflare.client.config import TransferType  # noqa: E402
from nvflare.fuel.utils.constants import FrameworkType  # noqa: E402
from nvflare.recipe import SimEnv  # noqa: E402
from nvflare.recipe.fedavg import FedAvgRecipe  # noqa: E402
from start import FreshNetwork  # noqa: E402

from gi_core.recorders.nvflare import attach  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="where the recorded rounds go")
    parser.add_argument("--kind", choices=("change", "weights"), default="change", help="what the clients send")
    parser.add_argument("--gate", metavar="JSON", help="settings of gi_core.recorders.gate.Gate")
    parser.add_argument("--workspace", default="/tmp/gi_studio_nvflare", help="NVFlare's own files")
    asked = parser.parse_args()
    change = asked.kind == "change"
    recipe = FedAvgRecipe(
        name="recorded",
        min_clients=2,
        num_rounds=2,
        train_script=str(HERE / "client.py"),
        framework=FrameworkType.NUMPY,
        model_persistor=FreshNetwork(),
        params_transfer_type=TransferType.DIFF if change else TransferType.FULL,
        aggregator_data_kind=DataKind.WEIGHT_DIFF if change else DataKind.WEIGHTS,
    )
    attach(recipe, str(Path(asked.folder).resolve()), gate=json.loads(asked.gate) if asked.gate else None)
    recipe.run(SimEnv(num_clients=2, workspace_root=asked.workspace))


if __name__ == "__main__":
    main()
