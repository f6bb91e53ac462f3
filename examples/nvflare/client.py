"""The training script that NVFlare runs on each client: one local step on one private picture."""

from __future__ import annotations

import network
import nvflare.client as flare


def main() -> None:
    flare.init()
    client = int(flare.get_site_name().rpartition("-")[2]) - 1  # the simulator says site-1, site-2
    images, labels = network.picture(client)
    while flare.is_running():
        model = flare.receive()
        trained = network.train(model.params, images, labels)
        flare.send(flare.FLModel(params=trained, meta={"NUM_STEPS_CURRENT_ROUND": 1}))


if __name__ == "__main__":
    main()
