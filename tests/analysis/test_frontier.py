"""The frontier from made-up rows: points, the set that none beats, and every kind of advice."""

from __future__ import annotations

import pytest

from gi_core.analysis.frontier import advice, controls, of_servers, pareto, points, stated, strongest
from gi_core.analysis.frontier.points import ALIKE
from gi_core.cli.sweep import _frontier
from gi_core.experiments.setup import Questions
from gi_core.experiments.sweeps import ready_sweep
from gi_core.jobs.store import Store
from gi_core.jobs.sweep_questions import questions
from gi_core.metrics.intervals import beyond_chance, more_to_tell
from gi_core.settings import problems
from gi_core.workers.worker import Worker
from tests.runs_helpers import tiny
from tests.test_house_rules import loaded


def rows(
    name: str, defenses: str, naive, adaptive=None, accuracy: float | None = 0.8, std: float | None = 0.01, **more
) -> list:
    """One row for each picture and attacker. naive, adaptive: PSNR of each picture, SSIM a hundredth of it."""
    found = []
    for knows, values in ((False, naive), (True, adaptive if adaptive is not None else naive)):
        for k, value in enumerate(values):
            found.append({
                "defense": name, "defenses": defenses, "adaptive": knows, "samples": f"bundled/{k}", "seed": 0,
                "psnr": value, "ssim": None if value is None else value / 100, "mse": None if value is None else 10 ** (-value / 10),
                "accuracy": accuracy, "accuracy_std": std, "accuracy_seeds": 2 if accuracy is not None else 0, "chance": 0.1,
                "run_id": f"{name}/{knows}/{k}", **more,
            })  # fmt: skip
    return found


def eight(first: float, step: float = 0.1) -> list[float]:
    """PSNR of eight pictures."""
    return [first + step * k for k in range(8)]


BARE = rows("none", "none", eight(90.0), accuracy=0.82)
CHEAP = rows("pruning 90 %", "pruning:fraction=0.9", eight(9.0), eight(13.0), accuracy=0.80)
DEAR = rows("noise 1", "gaussian_noise:std=1.0", eight(6.0), eight(7.0), accuracy=0.40)


def test_a_point_is_a_median_with_its_interval_and_what_is_alike_counts_as_alike():
    bare, knowing, cheap, _ = points(BARE + CHEAP, "psnr")
    assert bare.leakage == ALIKE and bare.interval == (ALIKE, ALIKE) and bare.kinds == "none"
    assert (bare.attacker, knowing.attacker) == ("naive", "adaptive") and len(bare.seen) == 8
    assert cheap.leakage == pytest.approx(9.35) and cheap.kinds == "pruning" and not cheap.seen
    assert cheap.interval == pytest.approx((9.0, 9.7)), (
        "of eight values their range: 2 / 2^8 is below 5 %, 18 / 2^8 is not"
    )
    assert cheap.runs[:2] == ("pruning 90 %/False/0", "pruning 90 %/False/1") and cheap.asked == 8


def test_the_stronger_attacker_is_taken_picture_by_picture():
    (worst,) = strongest(points(rows("d", "soteria", [9.0, 20.0], [12.0, 11.0]), "psnr"))
    assert [v for _, v in worst.leaks] == [12.0, 20.0] and worst.runs == ("d/True/0", "d/False/1")
    (worst,) = strongest(points(rows("d", "soteria", [9.0, 20.0], [12.0, 11.0]), "mse"))
    assert [v for _, v in worst.leaks] == pytest.approx([10**-1.2, 10**-2.0]), "of a distance less is more"


def test_a_setting_one_of_whose_attackers_is_to_come_or_failed_is_not_judged():
    waiting = rows("PRECODE", "precode", [5.0] * 8, [None] * 8, accuracy=0.82)
    for state, said in (("queued", ""), ("failed", "Not judged, since an attack on it failed: PRECODE.")):
        for row in waiting:
            row["state"] = state if row["psnr"] is None else "done"
        assert [p.name for p in strongest(points(BARE + waiting, "psnr"))] == ["none"]
        found = advice(points(BARE + CHEAP + waiting, "psnr"), over=state == "failed")
        assert (found.best is None) == (state == "queued") and said in found.limits
        assert ("Not judged" in found.limits) == bool(said)


def test_none_beats_the_set_and_every_other_is_beaten():
    dominated = rows("noise 0.1", "gaussian_noise:std=0.1", eight(13.5), accuracy=0.5)
    best = pareto(strongest(points(BARE + CHEAP + DEAR + dominated, "psnr")))
    assert [p.name for p in best] == ["none", "pruning 90 %", "noise 1"]
    twins = pareto(strongest(points(CHEAP + rows("twin", "top_k", eight(9.0), eight(13.0), accuracy=0.80), "psnr")))
    assert [p.name for p in twins] == ["pruning 90 %", "twin"], "equal points do not beat each other"
    hair = rows("DP-SGD", "dp_sgd", eight(9.0), eight(12.9), accuracy=0.44)
    best = pareto(strongest(points(BARE + CHEAP + hair, "psnr")))
    assert [p.name for p in best] == ["none", "pruning 90 %"], (
        "a hair less of leakage is no reason for half the accuracy"
    )


def test_the_affordable_one_that_leaks_least_is_advised_with_its_price_and_limits():
    said = advice(points(BARE + CHEAP + DEAR, "psnr"), " of 20 pixels")
    assert said.level == "protected" and said.best.name == "pruning 90 %"
    assert said.claim == (
        "Of the 2 settings tried, pruning 90 % is the one to switch on: it costs 2 points (± 2) of accuracy and leaves the"
        " strongest attacker 0 of 8 pictures that a person would see (0 to 32 %) in place of 8 of 8 without it (68 to 100 %),"
        " median PSNR 13.4 dB in place of ≥ 50.0 dB."
    )
    assert said.seen == (
        "Knowing the defense helped the attacker measurably against 1 of 2, most against pruning 90 %: PSNR 13.4 dB in"
        " place of PSNR 9.4 dB."
    )
    assert said.limits.startswith(
        "Measured on 8 pictures of 20 pixels, accuracy over 2 trainings; a stronger attacker may exist"
    )
    assert said.limits.endswith("Pruning 90 % is a heuristic without guarantee.")


def test_a_difference_within_the_uncertainty_is_no_advice_and_says_how_many_more_pictures_would_tell():
    """6 of 8 against 8 of 8 comes by chance in 23 of 100 cases; twelve more of each would tell, if the shares stayed."""
    some = rows("pruning 90 %", "pruning", [60.0] * 6 + [9.0] * 2, accuracy=0.82)
    said = advice(points(BARE + some, "psnr"))
    assert (
        said.level == "open"
        and said.best is None
        and "No advice: the difference is within the uncertainty." in said.claim
    )
    more = more_to_tell(6, 8, 8, 8)
    assert f"about {more} more pictures would tell" in said.claim and more > 0
    assert beyond_chance(round(0.75 * (8 + more)), 8 + more, 8 + more, 8 + more)
    assert not beyond_chance(round(0.75 * (7 + more)), 7 + more, 7 + more, 7 + more)
    two = [row for row in BARE + CHEAP if row["samples"] in ("bundled/0", "bundled/1")]
    assert advice(points(two, "psnr")).level == "open", "of two pictures nothing follows"
    many = [
        row
        for k in range(20)
        for row in rows(f"s{k}", "soteria", [60.0] * 3 + [9.0] * 5, client=f"c{k}", accuracy=0.82)
    ]
    assert advice(points(BARE + many, "psnr")).level == "open", "among twenty, one is that much better by chance"


def test_where_nothing_is_seen_without_a_defense_there_is_nothing_to_advise():
    said = advice(points(rows("none", "none", eight(9.0)) + DEAR, "psnr"))
    assert said.level == "open" and "nothing to advise" in said.claim and "0 of 8" in said.claim


def test_secure_aggregation_is_a_setting_of_its_own_and_servers_are_told_apart():
    def at(server: str, summed: float, private: float) -> list:
        mean = "fedavg:clients=8" + (f" · {server}" if server != "honest" else "")
        return [
            *rows("none", "none", eight(60.0), client="fedsgd", server=server),
            *rows("summed", "none", eight(summed), client=mean, server=server),
            *rows("DP-SGD", "dp_sgd", eight(private), client="fedsgd", server=server, accuracy=0.78),
        ]

    found = points(at("honest", 8.0, 7.0) + at("fishing", 60.0, 7.0), "psnr")
    assert {p.kinds for p in found} == {"none", "secure_aggregation", "dp_sgd"} and len(found) == 12
    told = of_servers(found)
    assert "summed: honest 0 of 8, fishing 8 of 8; DP-SGD: honest 0 of 8, fishing 0 of 8" in told
    assert advice([p for p in found if p.server == "honest"]).best.name == "summed"
    assert advice([p for p in found if p.server == "fishing"]).best.name == "DP-SGD"
    assert advice(found).best.name == "DP-SGD" and told in advice(found).seen, (
        "whoever defends must assume the worse server"
    )
    alone = points(rows("none", "none", eight(60.0), client="fedavg:clients=8"), "psnr")
    assert {p.kinds for p in alone} == {"none"}, "where all are summed, it is nothing that is compared"


def test_the_command_line_and_python_state_what_the_page_draws():
    table = BARE + CHEAP + rows("Control: noise", "none", eight(5.0), control="noise")
    said, judged = stated(table), advice(points(table, "psnr"))
    assert (said["advice"], said["best"], said["level"]) == (judged.claim, "pruning 90 %", "protected")
    (bare, cheap), (noise,) = said["points"], said["controls"]
    assert (bare["seen"], cheap["seen"], cheap["pictures"]) == (8, 0, 8) and cheap["interval"] == pytest.approx(
        [13.0, 13.7]
    )
    assert cheap["median"] == pytest.approx(13.35) and noise["median"] == pytest.approx(5.35)
    printed = _frontier(said)
    assert printed[1].startswith(
        "pruning 90 %: 0 of 8 pictures seen (0 to 32 %), median 13.4 dB (13.0 dB to 13.7 dB), accuracy 80 %"
    )
    assert judged.claim in printed


def test_controls_are_no_points_and_stand_beside_them_with_an_interval():
    noise = rows("Control: noise", "none", eight(5.0), control="noise")
    assert points(BARE + noise, "psnr") == points(BARE, "psnr")
    (one,) = controls(BARE + noise[:8], "psnr")
    assert (one.title, one.leakage, one.interval) == ("noise", pytest.approx(5.35), pytest.approx((5.0, 5.7)))


def test_a_naive_attacker_alone_does_not_decide():
    soteria = rows("Soteria", "soteria:fraction=0.8", eight(12.0), eight(110.0), accuracy=0.82)
    said = advice(points(BARE + soteria, "psnr"))
    assert (
        said.level == "exposed"
        and said.best is None
        and "none leaves fewer pictures that a person would see" in said.claim
    )
    assert "most against Soteria" in said.seen


def test_where_every_defense_costs_much_the_cheapest_is_named_as_such():
    said = advice(points(BARE + DEAR, "psnr"))
    assert said.level == "partly" and said.best.name == "noise 1"
    assert "no defense that helps costs less than 5 points" in said.claim.lower() and "costs 42 points" in said.claim


def test_a_tie_within_error_goes_to_the_cheapest_and_is_told():
    twin = rows("top-k 10 %", "top_k:kept=0.1", eight(12.5), eight(13.2), accuracy=0.82)
    said = advice(points(BARE + CHEAP + twin, "psnr"))
    assert said.best.name == "top-k 10 %" and "pruning 90 % leaks as little within error" in said.claim
    assert "costs no accuracy that was measured" in said.claim


def test_pictures_that_are_still_seen_are_said_to():
    weak = rows("4 bits", "quantisation:bits=4", [60.0, *[9.0] * 7], accuracy=0.81)
    said = advice(points(BARE + weak, "psnr"))
    assert said.level == "partly" and "1 of 8 pictures that a person would see" in said.claim


@pytest.mark.parametrize(
    ("metric", "bare", "left"),
    [("psnr", 90.0, 15.0), ("mse", 1e-6, 0.03), ("lpips", 0.01, 0.7), ("iip_rank", 1.0, 9.0)],
)
def test_pictures_that_a_person_sees_are_never_called_protected_whatever_metric_is_looked_at(metric, bare, left):
    def judged(ssim: float):
        table = rows("none", "none", [90.0] * 8, accuracy=0.8) + rows("d", "pruning", [15.0] * 8, accuracy=0.8)
        seen = [
            r | {metric: left, "ssim": ssim if r["samples"].endswith("/0") else 0.1}
            if r["defense"] == "d"
            else r | {metric: bare}
            for r in table
        ]
        return advice(points(seen, metric))

    assert judged(0.45).level == "protected" and "0 of 8 pictures" in judged(0.45).claim
    assert judged(0.55).level == "partly" and "1 of 8 pictures that a person would see" in judged(0.55).claim


def test_a_defense_with_a_proof_is_not_called_a_heuristic():
    said = advice(points(BARE + rows("DP-SGD", "dp_sgd:noise_multiplier=0.5", [8.0] * 8, accuracy=0.81), "psnr"))
    assert "proven guarantee" in said.limits and "heuristic" not in said.limits


@pytest.mark.parametrize(
    "table", [[], BARE, CHEAP + DEAR, BARE + rows("noise", "gaussian_noise", [None, None]), BARE + rows("n", "top_k", [9.0], accuracy=None)]
)  # fmt: skip
def test_too_few_points_give_no_advice(table):
    said = advice(points(table, "psnr"), over=False)
    assert (
        said.level == "open"
        and said.best is None
        and said.claim.startswith(("Too little has been measured", "No advice yet"))
    )


def test_nothing_is_advised_while_anything_is_missing():
    """Any setting that is not measured yet could be the better one: 9 of 60 runs say nothing about which is best."""
    for state, ends in (("queued", "are still to come."), ("cancelled", "were never measured.")):
        late = [r | {"state": state} for r in rows("PRECODE", "precode", [None] * 8)]
        said = advice(points(BARE + CHEAP + late, "psnr"), over=state == "cancelled")
        assert said.level == "open" and said.best is None
        assert said.claim.startswith("No advice yet: 16 of 48 attacks") and ends in said.claim
    untrained = rows("Soteria", "soteria", [9.0] * 8, accuracy=None)
    said = advice(points(BARE + CHEAP + untrained, "psnr"), over=False)
    assert said.level == "open" and "the accuracy of 1 of 3 settings" in said.claim
    said = advice(points(BARE + CHEAP + untrained, "psnr"))
    assert said.best.name == "pruning 90 %" and "its accuracy is not known: Soteria" in said.limits


def test_one_defense_has_one_colour_in_whatever_order_it_comes():
    from gi_core.figures import marks
    from gi_core.settings import DEFENSES

    colours = [*marks.COLOURS.values(), *marks.SPARE]
    assert set(marks.COLOURS) <= set(DEFENSES) and len(set(colours)) == len(colours)
    assert marks.GREY not in {marks.colour(kind) for kind in DEFENSES}
    assert not set(marks.COLOURS.values()) & {"#d55e00", "#e69f00", "#0072b2"}, "those say how much leaks"
    both = ["gaussian_noise + pruning", "clipping + gaussian_noise"]
    assert [marks.shape(k, both) for k in both] == [marks.shape(k, both[::-1]) for k in both]
    assert marks.shape(both[0], both) != marks.shape(both[1], both) and marks.colour(both[0]) == marks.GREY


def test_unfinished_results_are_called_so():
    said = advice(points(BARE + CHEAP, "psnr"), over=False)
    assert said.claim.startswith("So far, of the one setting tried") and said.best.name == "pruning 90 %"


def test_the_default_grid_is_as_large_as_promised_and_nothing_of_it_is_refused():
    sweep = ready_sweep("frontier")
    asked = questions(sweep)
    assert len({q.key for q in asked if q.role == "run"}) == sweep.size == 72
    assert len({(q.key, q.seed) for q in asked if q.role == "utility"}) == 12
    assert not [q.refused for q in asked if q.refused]
    from gi_core.jobs.sweep_questions import experiments

    assert {m.experiment.attack.kind for m in experiments(sweep)} == {"levenberg_marquardt"}
    assert not [p.reason for m in experiments(sweep) for p in problems(m.experiment) if p.fatal]


def test_pages_may_read_it():
    assert loaded("import gi_core.analysis.frontier", "torch", "scipy.stats", "streamlit") == []


def test_an_attack_past_a_bottleneck_ends_as_a_run_with_residuals_by_the_updates_names(gi_home):
    changes = {
        "attack": {"iterations": 12, "krylov": 20, "restarts": 0, "adaptive": True},
        "defenses": [{"kind": "precode"}],
    }
    spec = tiny("levenberg_marquardt", settings=changes.pop("attack"), **changes).model_dump(mode="json")
    shared = Store()
    number, worker = shared.submit("run", spec), Worker(shared, "interactive")
    worker.questions = Questions()
    worker.do(worker.writer.claim("interactive"))
    job = shared.job(number)
    assert job.state == "done" and "fc.bottleneck.encoder.weight" in job.result["attacker"]["residuals"]
