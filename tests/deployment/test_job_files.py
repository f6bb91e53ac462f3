"""What job configurations of NVFlare and Flower say, line by line, and that no file does harm."""

from __future__ import annotations

import json

import pytest

from gi_core.common import uploads
from gi_core.deployment import ASKED, deployment
from gi_core.deployment.job_files import MOST_BYTES, answer, read
from gi_core.settings import SpecError

CLIENT = {
    "format_version": 2, "AGGREGATION_EPOCHS": 5,
    "executors": [{"tasks": ["train"], "executor": {"path": "nvflare.app_common.executors.learner_executor.LearnerExecutor", "args": {"learner_id": "one"}}}],
    "task_result_filters": [{"tasks": ["train"], "filters": [{"name": "PercentilePrivacy", "args": {"percentile": 10, "gamma": 0.02}}]}],
    "task_data_filters": [],
    "components": [{"id": "one", "path": "learners.Learner", "args": {"aggregation_epochs": "{AGGREGATION_EPOCHS}", "lr": 0.01}}],
}  # fmt: skip
SERVER = {
    "format_version": 2, "min_clients": 50,
    "workflows": [{"id": "two", "name": "ScatterAndGather", "args": {"min_clients": "{min_clients}", "num_rounds": 3}}],
    "components": [
        {"id": "persistor", "name": "PTFileModelPersistor", "args": {"model": {"path": "torchvision.models.resnet18", "args": {}}}},
        {"id": "aggregator", "path": "nvflare.InTimeAccumulateWeightedAggregator", "args": {"expected_data_kind": "WEIGHT_DIFF"}},
    ],
}  # fmt: skip
ENCRYPTED = [{"tasks": ["train"], "filters": [{"name": "HEModelEncryptor", "args": {}}]}]
FLOWER = """
[project]
name = "app"
dependencies = ["flwr[simulation]>=1.20.0", {more}]
[tool.flwr.app.components]
serverapp = "app.server_app:app"
[tool.flwr.app.config]
num-server-rounds = 3
fraction-train = 0.5
{config}
[tool.flwr.federations]
default = "here"
[tool.flwr.federations.here]
options.num-supernodes = 100
[tool.flwr.federations.elsewhere]
options.num-supernodes = 2
"""


def of_nvflare(**files):
    return read([(f"{name}.json", json.dumps(one).encode()) for name, one in files.items()])


def of_flower(config: str, more: str = '"torch"'):
    return read([("pyproject.toml", FLOWER.replace("{more}", more).replace("{config}", config).encode())])


def told(reading) -> dict[str, str]:
    return {name: value for name, value in reading.answers.items() if value != "unknown"}


def test_a_job_of_nvflare_is_read_line_by_line():
    reading = of_nvflare(config_fed_client=CLIENT, config_fed_server=SERVER)
    assert reading.framework == "NVFlare"
    assert told(reading) == {"network": "residual", "steps": "5", "shared": "all", "protection": "pruning"}
    assert set(reading.unsaid) == set(ASKED) - set(told(reading))
    line = next(one for one in reading.lines if one.key == "components[0].args.aggregation_epochs")
    assert line.value == "5" and line.file == "config_fed_client.json" and "5 times" in line.text
    assert deployment(reading.answers).network == "residual"


def test_encrypted_updates_are_a_sum_over_as_many_clients_as_another_file_says():
    client = CLIENT | {"task_result_filters": ENCRYPTED}
    assert of_nvflare(client=client, server=SERVER).answers["together"] == "50"
    alone = of_nvflare(client=client)
    assert alone.answers["together"] == "unknown" and "no file says" in alone.unsaid["together"]
    few = of_nvflare(client=client, meta={"deploy_map": {"app": ["@ALL"]}, "min_clients": 3})
    assert few.answers["together"] == "unknown" and "Of 3" in few.unsaid["together"]  # never taken as safer


def test_a_filter_on_the_server_protects_nothing():
    reading = of_nvflare(server=SERVER | {"task_result_filters": CLIENT["task_result_filters"]})
    assert reading.answers["protection"] == "unknown"
    assert any("has the update by then" in one.text for one in reading.lines)


def test_files_that_do_not_agree_leave_the_answer_open():
    other = {"executors": [], "components": [{"args": {"local_epochs": 40}}]}
    reading = of_nvflare(one=CLIENT, two=other)
    assert reading.answers["steps"] == "unknown" and "do not agree" in reading.unsaid["steps"]


@pytest.mark.parametrize(
    ("config", "more", "expected"),
    [
        ('model-name = "google/vit-base-patch16-224"\nbatch-size = 1', '"torch"', {"network": "transformer", "pictures": "1"}),
        ("num-shares = 3\nlocal-steps = 20", '"torch"', {"together": "50", "steps": "20"}),
        ("max-grad-norm = 1.0\nnoise-multiplier = 0.7", '"opacus==1.4.1"', {"protection": "dp8"}),
        ("noise-multiplier = 5.0", '"opacus==1.4.1"', {"protection": "dp1"}),
        ("noise-multiplier = 1.0\nclipping-norm = 1.0\nnum-sampled-clients = 10", '"torch"', {"protection": "none"}),
        ("noise-multiplier = 1.0", '"torch"', {}),
        ("epsilon = 0.9\nsensitivity = 1.0\nclipping-norm = 1.0", '"torch"', {"protection": "dp1"}),
        ("target-epsilon = 50.0", '"opacus"', {"protection": "noise"}),
        ("model.lora.peft-lora-r = 32", '"peft"', {"shared": "adapter"}),
        ("img-size = 100\nbatch-size = 32", '"torch"', {"size": "64", "pictures": "16"}),
    ],
)  # fmt: skip
def test_apps_of_flower(config, more, expected):
    assert told(of_flower(config, more)) == expected


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("config_fed_client.json", b"{", "is not JSON"),
        ("config_fed_client.conf", b'{\n executors = [ { id = "x" } ]\n}', "HOCON"),
        ("meta.json", b'{"a": 1}', "no configuration of a job"),
        ("meta.json", b'["executors"]', "no configuration of a job"),
        ("pyproject.toml", b"[tool.ruff]\nline-length = 1", "no configuration of a job"),
        ("pyproject.toml", b"[tool]\nflwr = 1", "no configuration of a job"),
        ("meta.json", b'{"executors": ' + b"[" * 40 + b"]" * 40 + b"}", "nested"),
        ("meta.json", b'{"executors": [' + b"0," * 60_000 + b"0]}", "values"),
        ("meta.json", b" " * (MOST_BYTES + 1), "too large"),
        ("meta.json", b"\xff\xfe\x00", "not a text"),
        ("meta.json", b'{"executors": 1e999}', "not finite"),
        ("pyproject.toml", b"a" + b".a" * 120_000 + b" = 1", "parts"),
    ],
)
def test_a_wrong_file_is_one_sentence(name, content, word):
    with pytest.raises(SpecError, match=word) as caught:
        read([(name, content)])
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_odd_values_and_names_do_no_harm():
    odd = {
        "executors": [], "task_result_filters": [{"filters": [{"name": None}, {"name": "Mine\x1b[31m"}, 3]}],
        "components": [{"args": {"batch_size": v}} for v in (True, None, -1, "many", [], {}, 10**15, "9" * 60)],
        "model_class_path": "<script>" + "x" * 5000,
    }  # fmt: skip
    reading = of_nvflare(**{"<b>\n": odd})
    assert all(
        value.isprintable() and len(value) <= 80 for one in reading.lines for value in (one.value, one.key, one.file)
    )
    assert deployment(reading.answers)
    assert told(of_flower('num-shares = "x"\nfraction-fit = "a"\nmodel = 3\nepsilon = 0\nsensitivity = 1')) == {}


def test_of_no_file_many_files_or_two_frameworks():
    for files, word in (
        ([], "no file"),
        ([("a.json", b"{}")] * 9, "at most 8"),
        ([("a.json", json.dumps(CLIENT).encode()), ("b.toml", b"[tool.flwr.app]\nx = 1")], "of one job"),
    ):
        with pytest.raises(SpecError, match=word):
            read(files)


def test_uploads_are_read_by_their_hash_alone(gi_home):
    ref = uploads.keep("0" * 64, lambda target: target.write_bytes(json.dumps(CLIENT).encode()))
    assert answer({"described": [{"name": "client.json", "file": ref}]})["framework"] == "NVFlare"
    with pytest.raises(SpecError, match="upload"):
        answer({"described": [{"name": "client.json", "file": "/etc/passwd"}]})
