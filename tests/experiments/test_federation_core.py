"""A federation's parts by their definitions, and the whole: seeds, rounds, cancelling, going on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gi_core.clients import Update
from gi_core.clients.fedavg import train
from gi_core.clients.round import normalised
from gi_core.common.uploads import upload_path
from gi_core.data.opening import read_image
from gi_core.experiments import setup
from gi_core.experiments.execute import Stopped
from gi_core.experiments.federation import opening, running, server
from gi_core.experiments.federation.attacking import attack
from gi_core.experiments.federation.dataset import shards
from gi_core.experiments.federation.leakage import band, leakage
from gi_core.experiments.federation.partition import partition
from gi_core.experiments.federation.rounds import Simulation
from gi_core.settings import SpecError, read_experiment
from gi_core.settings.federation import Federation, build_federation, client_seed, read_federation
from gi_core.settings.federation_checks import federation_problems
from gi_core.update_files.round import read_round

torch.set_num_threads(1)
CPU = torch.device("cpu")


def small(**changes) -> Federation:
    """Four clients with a few 12x12 faces on a small network, nobody attacked."""
    values = {
        "clients": 4, "pictures": [20, 20, 20, 1], "size": 12, "rounds": 2, "attack": None,
        "model": {"kind": "lenet", "activation": "tanh", "width": 4},
        "client": {"learning_rate": 0.1, "batch_size": 5}, "device": "cpu",
    }  # fmt: skip
    return build_federation(values | changes)


def attacked(**changes) -> Federation:
    attack = {"kind": "inverting_gradients", "iterations": 6, "labels": "known"}
    return small(**{"attack": attack, "attacked": [4], **changes})


def labels(count: int = 300, classes: int = 3) -> np.ndarray:
    return np.arange(count) % classes


@pytest.mark.parametrize("kind", ["iid", "dirichlet"])
def test_every_client_gets_its_pictures_and_none_goes_to_two(kind):
    shares = [50, 1, 100, 149]
    parts = partition(labels(), shares, kind, 0.1, np.random.default_rng(0))
    assert [len(part) for part in parts] == shares
    assert sorted(np.concatenate(parts).tolist()) == list(range(300)), "all were asked for, so all are dealt out"
    with pytest.raises(SpecError, match="300 pictures for the clients, not 301"):
        partition(labels(), [301], kind, 1.0, np.random.default_rng(0))


def test_a_small_alpha_leaves_a_client_few_classes_and_a_large_one_all():
    def largest_class(kind: str, alpha: float) -> float:
        parts = partition(labels(3000, 10), [100] * 10, kind, alpha, np.random.default_rng(1))
        return float(np.mean([np.bincount(labels(3000, 10)[part], minlength=10).max() / 100 for part in parts]))

    skewed, mild, alike = largest_class("dirichlet", 0.1), largest_class("dirichlet", 100.0), largest_class("iid", 1.0)
    assert skewed > 0.5 > 0.25 > mild and abs(mild - alike) < 0.05


def test_the_server_adds_the_mean_change_weighted_by_pictures():
    simulation = Simulation(small(), shards(small()), CPU)
    played = simulation.play(1, simulation.start)
    changes = []
    for client, share in enumerate((20, 20, 20, 1)):
        mine = simulation.shards.clients[client]
        assert played.sent[client].images == len(mine.labels) == share
        seed = client_seed(small(), 1, client + 1)
        from gi_core.defenses import noise_seed

        draw = torch.Generator().manual_seed(noise_seed(seed, -1))
        inputs, truth = normalised(mine, CPU), torch.from_numpy(mine.labels)
        done = train(simulation.start, inputs, truth, small().client, "cross_entropy", draw)
        changes.append((share / 61, dict(done.model.named_parameters())))
    before = dict(simulation.start.named_parameters())
    for name, after in played.after.named_parameters():
        by_hand = sum(w * (p[name].double() - before[name].double()) for w, p in changes)
        assert torch.allclose(after.double() - before[name].double(), by_hand, atol=1e-7)
        assert not torch.equal(after, before[name])


def test_statistics_of_batch_norm_are_averaged_likewise_only_where_all_share_them():
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))

    def update(images: int, mean: float, shared: bool = True) -> Update:
        zeros = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
        told = {"1.running_mean": torch.full((2,), mean), "1.num_batches_tracked": torch.tensor(images)}
        return Update(zeros, images, "weight_change", told if shared else None)

    after = server.aggregate(model, [update(3, 1.0), update(1, 5.0)])
    assert after[1].running_mean.tolist() == [2.0, 2.0] and int(after[1].num_batches_tracked) == 2  # (9 + 1) / 4
    kept = server.aggregate(model, [update(3, 1.0), update(1, 5.0, shared=False)])
    assert kept[1].running_mean.tolist() == [0.0, 0.0]


def test_a_change_that_is_not_finite_is_refused_with_what_to_change():
    with pytest.raises(SpecError, match="diverged: choose a smaller learning rate"):
        federation = small(
            client={"learning_rate": 10.0, "batch_size": 1, "epochs": 20}, model={"kind": "mlp"}, rounds=9
        )
        simulation = Simulation(federation, shards(federation), CPU)
        model = simulation.start
        for number in range(1, 10):
            model = simulation.play(number, model).after


def test_the_prior_is_the_mean_picture_of_the_others_and_nothing_of_ones_own():
    held = shards(small())
    others = np.concatenate([held.clients[k].images for k in (0, 1, 2)])
    assert np.allclose(held.prior(3), others.mean(0), atol=0.51 / 255), "to 8 bits, as in a file"
    assert shards(small(clients=1, pictures=9)).prior(0) is None


def test_rdlv_and_its_band_by_their_formulas():
    draw = np.random.default_rng(0)
    truth = draw.uniform(size=(3, 1, 16, 16)).astype(np.float32)
    prior = truth.mean(0) * 0.9 + 0.05
    perfect = leakage(truth[[2, 0, 1]].astype(float), truth, prior)
    assert [e["matched"] for e in perfect["per_image"]] == [1, 2, 0] and perfect["ssim"] == pytest.approx(1.0)
    values = [1 / e["ssim_prior"] - 1 for e in perfect["per_image"]]
    assert [e["rdlv"] for e in perfect["per_image"]] == pytest.approx(values)
    half = 1.96 * np.std(values, ddof=1) / 3**0.5
    assert perfect["rdlv_low"] == pytest.approx(np.mean(values) - half, rel=1e-4)
    as_prior = leakage(np.stack([prior] * 3).astype(float), truth, prior)
    assert as_prior["rdlv_mean"] == pytest.approx(0.0, abs=1e-6)
    alone = leakage(truth.astype(float), truth, None)
    assert alone["measure"] == "ssim" and alone["rdlv_mean"] == pytest.approx(1.0)
    assert band([2.0]) == (2.0, 2.0, 2.0) and band([None]) == (None, None, None)


def test_accuracy_rises_on_an_easy_set(tmp_path):
    found = running.answer(
        small(rounds=6, size=16, client={"learning_rate": 0.2, "batch_size": 5, "epochs": 2}), tmp_path
    )
    assert found["start"]["accuracy"] <= 0.6 and found["rounds"][-1]["accuracy"] >= 0.8
    assert found["rounds"][-1]["loss"] < found["start"]["loss"] and found["status"] == "done"
    assert [sum(c["labels"].values()) for c in found["clients"]] == [20, 20, 20, 1]


def without_time(found: dict) -> dict:
    rounds = [
        {**r, "clients": [{k: v for k, v in c.items() if k != "seconds"} for c in r["clients"]]}
        for r in found["rounds"]
    ]
    return {**found, "rounds": rounds, "seconds": 0, "out": ""}


def test_same_settings_same_result_and_another_seed_another(tmp_path):
    first = running.answer(attacked(), tmp_path / "a")
    again = running.answer(attacked(), tmp_path / "b")
    other = running.answer(attacked(seed=1), tmp_path / "c")
    assert without_time(first) == without_time(again)
    assert first["clients"] != other["clients"] and first["rounds"] != other["rounds"]
    (one,) = first["rounds"][0]["clients"]
    assert one["client"] == 4 and one["pictures"] == 1 and one["iterations"] == 6
    for name in (one["shown"]["found"], one["shown"]["original"]):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_every_update_can_be_recorded_and_read_back(tmp_path):
    model = {"kind": "convnet", "width": 4, "depth": 2}
    client = {"batch_norm": "train", "statistics": "shared", "batch_size": 5, "learning_rate": 0.1}
    asked = attacked(model=model, client=client, rounds=1, record="all", size=16, defenses=[{"kind": "gaussian_noise"}])
    found = running.answer(asked, tmp_path)
    assert sorted(found["rounds"][0]["files"]) == ["1", "2", "3", "4"]
    files = found["rounds"][0]["clients"][0]["files"]
    experiment = read_experiment((tmp_path / files["experiment"]).read_text())
    simulation = Simulation(asked, shards(asked), CPU)
    played = simulation.play(1, simulation.start)
    before, update, info = read_round(simulation.start, experiment.recorded)
    for name, tensor in played.sent[3].tensors.items():
        assert torch.equal(update.tensors[name], tensor)
    for name, tensor in played.sent[3].statistics.items():
        assert torch.allclose(update.statistics[name].double(), tensor.double(), atol=1e-6), name
    assert info["steps"] == 1 and experiment.labels == tuple(played.seen[3].knowledge.labels.tolist())
    assert experiment.model.classes == 2 and experiment.size == 16 and experiment.defenses == ()
    assert read_image(tmp_path / Path(experiment.recorded.reference).name).pixels.shape[:2] == (16, 16)


@pytest.mark.parametrize("client", [3, 4])
def test_a_recorded_round_asks_the_same_question_and_has_the_same_answer(tmp_path, client):
    asked = attacked(
        attacked=[client], rounds=2, pictures=[20, 20, 6, 1], client={"learning_rate": 0.1, "batch_size": 3}
    )
    one = running.answer(asked, tmp_path)["rounds"][1]["clients"][0]
    experiment = read_experiment((tmp_path / one["files"]["experiment"]).read_text())
    again = setup.ask(experiment, CPU, lambda fraction, text: None)
    assert again.round.knowledge.schedule.steps == (2 if client == 3 else 1) and again.pictures.known == (client == 4)
    found = attack(experiment.attack, again.round.update, again.round.knowledge, experiment.seed, CPU)
    judged = leakage(found.images, shards(asked).clients[client - 1].images, None)
    assert judged["psnr"] == pytest.approx(one["psnr"], abs=1e-6) and judged["ssim"] == pytest.approx(
        one["ssim"], abs=1e-6
    )


def test_a_recorded_round_is_named_by_its_uploads_for_a_browser(tmp_path, gi_home):
    found = running.answer(attacked(rounds=1), tmp_path)
    name = found["rounds"][0]["clients"][0]["files"]["experiment"]
    opened = opening.for_browser(tmp_path, name)
    for reference in (opened.recorded.checkpoint, opened.recorded.update, opened.recorded.reference):
        assert upload_path(reference).is_file()
    (tmp_path / Path(read_experiment((tmp_path / name).read_text()).recorded.update)).unlink()
    with pytest.raises(SpecError, match="run the federation again"):
        opening.for_browser(tmp_path, name)


def test_it_attacks_whom_and_when_it_is_told(tmp_path):
    assert attacked(attacked=[]).victims == (4,), "the client with the fewest pictures"
    found = running.answer(attacked(rounds=3, attack_every=2, attacked=[4, 1]), tmp_path)
    assert [[c["client"] for c in r["clients"]] for r in found["rounds"]] == [[1, 4], [], [1, 4]]
    some = running.answer(small(rounds=2, participation=0.5), tmp_path / "half")
    assert [len(r["took_part"]) for r in some["rounds"]] == [2, 2]


def test_cancelled_between_iterations_it_gives_what_there_was_and_goes_on_where_it_stopped(tmp_path):
    def stop(asked: str):
        def tell(fraction, text, found):
            if "round 2" in text and "iteration 3" in text:
                raise Stopped(asked)

        return tell

    found = running.answer(attacked(), tmp_path, stop("cancel"))
    assert found["status"] == "cancelled" and len(found["rounds"]) == 1
    with pytest.raises(Stopped):
        running.answer(attacked(), tmp_path / "paused", stop("pause"))
    on = running.answer(attacked(), tmp_path / "paused")
    assert without_time(on) == without_time(running.answer(attacked(), tmp_path / "whole"))


def test_what_withheld_statistics_mean_is_said(tmp_path):
    model, client = {"kind": "convnet", "width": 4, "depth": 2}, {"batch_norm": "train", "batch_size": 5}
    held = running.answer(small(rounds=1, model=model, client=client), tmp_path / "a")
    told = running.answer(small(rounds=1, model=model, client={**client, "statistics": "shared"}), tmp_path / "b")
    assert "withhold the statistics" in held["notices"][0] and told["notices"] == []


def test_settings_from_files_and_one_sentence_for_each_mistake():
    text = b'rounds = 3\npictures = [9, 1]\nclients = 2\nattacked = [2]\n[attack]\nkind = "dlg"\n[client]\nepochs = 2'
    asked = read_federation(text, toml=True)
    assert asked.shares == (9, 1) and asked.attack.kind == "dlg" and asked.client.epochs == 2
    assert read_federation(json.dumps(asked.model_dump(mode="json")).encode(), toml=False) == asked
    for values, sentence in (
        (b"rounds = 0", "rounds: give 1 or more, not 0"),
        (b"round = 1", "there is no setting 'round': did you mean 'rounds'?"),
        (b"rounds = ", "the file is not TOML"),
        (b'[attack]\nkind = "dgl"', "attack: there is no kind 'dgl': did you mean 'dlg'?"),
    ):
        with pytest.raises(SpecError) as error:
            read_federation(values, toml=True)
        assert sentence in str(error.value) and "\n" not in str(error.value)
    for federation, sentence in (
        (small(pictures=[3, 4]), "one for each of the 4 clients, not 2"),
        (attacked(attacked=[5]), "there is no client 5 to attack"),
        (attacked(pictures=300, attacked=[1]), "client 1 has 300 pictures and an attack takes at most 256"),
        (small(client={"clients": 2}), "set client.clients to 1"),
        (attacked(attacked=[1], attack={"kind": "idlg"}), "client 1: label strategy idlg reads one label"),
    ):
        assert sentence in federation_problems(federation)[0].reason
