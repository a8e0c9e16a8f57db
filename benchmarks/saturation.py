"""Where driver and tracking store saturate: runs simulated on clusters of several sizes, beside the bounds on paper."""

from __future__ import annotations

from benchmarks.driver_queue import Bounds, Load, Service, simulate
from benchmarks.effort import Effort
from benchmarks.table import Table, Value
from pipeline.scheduling.reports import report_every

MEASURED = Service(trial=0.029, report=0.004, slot=1e-6, store=0.075)
"""On a 2-core server that workers and MLflow shared. ``trial`` by the benchmark ``idle_trials``, at 2 slots; ``store``,
of MLflow on SQLite with curves of 30 epochs, by processor time; ``slot`` by ``ray.wait`` on as many unfinished calls as
there are slots, which Tune does at each event (0.6 ms for 1,000; 6 ms for 4,000). ``report`` is assumed, a seventh of a
trial: ``idle_trials`` measures it by its runs with and without reports."""

SLOTS = (2, 16, 100, 1000)
SECONDS = (1.0, 10.0, 60.0, 600.0, 3600.0)

TRIALS_A_SLOT = 20
"""That the slots are long past their common start."""


def saturation(effort: Effort) -> list[Table]:
    """Needs no cluster."""
    loads = [Load(slots=slots, seconds=seconds, every=report_every(slots)) for slots in SLOTS for seconds in SECONDS]
    return [
        Table(
            title="Where it saturates",
            columns={
                "slots": ",d",
                "s a trial": ",.0f",
                "asked a second": ".2f",
                "driver at most": ".2f",
                "simulated": ".2f",
                "driver busy": ".0%",
                "s of waiting": ".3f",
                "MLflow at most": ".1f",
                "MLflow keeps up": "",
            },
            rows=[_row(load, effort) for load in loads],
            notes=(
                f"Trials a second, all of equal length, {TRIALS_A_SLOT} a slot; a slot waits while others are served.",
                _services(),
            ),
        )
    ]


def _services() -> str:
    trial, report, store = (1000 * each for each in (MEASURED.trial, MEASURED.report, MEASURED.store))
    slot = 1e6 * MEASURED.slot
    return (
        f"Driver: {trial:.0f} ms a trial, {report:.0f} ms a report, and {slot:.0f} us more of either for each slot. "
        f"MLflow: {store:.0f} ms a trial."
    )


def _row(load: Load, effort: Effort) -> tuple[Value, ...]:
    bounds = Bounds.of(load, MEASURED)
    found = simulate(load, MEASURED, load.slots * min(TRIALS_A_SLOT, effort.rounds))
    return (
        load.slots,
        load.seconds,
        bounds.asked,
        bounds.driver,
        found.throughput,
        found.utilisation,
        found.wait,
        bounds.store,
        "yes" if found.throughput <= bounds.store else "no",
    )
