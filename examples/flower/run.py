"""Two clients, two rounds of FedAvg in Flower's simulator, each client's rounds recorded.

.venv-flower/bin/python examples/flower/run.py out/flower
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PATHS = [str(HERE.parent), str(HERE.parents[1])]
sys.path[:0] = PATHS
os.environ |= {"FLWR_TELEMETRY_ENABLED": "0", "RAY_USAGE_STATS_ENABLED": "0"}  # nothing is reported to anyone
os.environ["PYTHONPATH"] = os.pathsep.join([*PATHS, os.environ.get("PYTHONPATH", "")])  # for ray's processes

import network  # noqa: E402
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict  # noqa: E402
from flwr.clientapp import ClientApp  # noqa: E402
from flwr.serverapp import Grid, ServerApp  # noqa: E402
from flwr.serverapp.strategy import FedAvg  # noqa: E402
from flwr.simulation import run_simulation  # noqa: E402

from gi_core.recorders.flower import recorder  # noqa: E402
from gi_core.recorders.gate import Gate  # noqa: E402


def record_of(weights: network.Weights) -> ArrayRecord:
    return ArrayRecord({name: Array(value) for name, value in weights.items()})


def client_app(folder: str, gate: Gate | None) -> ClientApp:
    app = ClientApp(mods=[recorder(folder, gate=gate)])

    @app.train()
    def train(message: Message, context: Context) -> Message:
        images, labels = network.picture(int(context.node_config["partition-id"]))
        weights = {name: value.numpy() for name, value in message.content["arrays"].items()}
        trained = network.train(weights, images, labels)
        counted = MetricRecord({"num-examples": len(images)})
        return Message(RecordDict({"arrays": record_of(trained), "metrics": counted}), reply_to=message)

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        return Message(RecordDict({"metrics": MetricRecord({"num-examples": 1})}), reply_to=message)

    return app


def server_app() -> ServerApp:
    app = ServerApp()

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        FedAvg(min_train_nodes=2, min_available_nodes=2).start(
            grid=grid, initial_arrays=record_of(network.fresh()), num_rounds=2
        )

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="where the recorded rounds go")
    parser.add_argument("--gate", metavar="JSON", help="settings of gi_core.recorders.gate.Gate")
    asked = parser.parse_args()
    gate = Gate(**json.loads(asked.gate)) if asked.gate else None
    run_simulation(
        server_app(),
        client_app(str(Path(asked.folder).resolve()), gate),
        num_supernodes=2,
        backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0}},
    )


if __name__ == "__main__":
    main()
