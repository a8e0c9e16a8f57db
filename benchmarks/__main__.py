"""Measure, and print what was found: ``python -m benchmarks [names...]``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.effort import FULL, QUICK, Effort
from benchmarks.frames import frames
from benchmarks.growth import growth
from benchmarks.idle_trials import idle_trials
from benchmarks.inference import inference
from benchmarks.machine import this_machine
from benchmarks.makespan import makespan
from benchmarks.mask_update import mask_update
from benchmarks.planning import planning
from benchmarks.report import report
from benchmarks.saturation import saturation
from benchmarks.start_up import start_up
from benchmarks.table import Table
from benchmarks.training_step import training_step
from benchmarks.whole_training import whole_training
from dsn.durable import write_atomic
from dsn.errors import InvalidInput

BENCHMARKS: Mapping[str, Callable[[Effort], list[Table]]] = {
    "training_step": training_step,
    "inference": inference,
    "mask_update": mask_update,
    "start_up": start_up,
    "growth": growth,
    "whole_training": whole_training,
    "report": report,
    "frames": frames,
    "planning": planning,
    "idle_trials": idle_trials,
    "saturation": saturation,
    "makespan": makespan,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """What the command line asks for."""
    parser = _parser()
    options = parser.parse_args(arguments)
    effort = QUICK if options.quick else FULL
    if options.epochs is not None:
        effort = replace(effort, epochs=options.epochs)
    try:
        machine = this_machine().described()
    except InvalidInput as error:  # of the environment
        parser.error(str(error))
    print(_header(machine, markdown=options.markdown), flush=True)
    tables = []
    for name in options.names or BENCHMARKS:
        for table in BENCHMARKS[name](effort):
            tables.append(table)
            print(f"\n{table.markdown() if options.markdown else table.text()}", flush=True)
        if options.json:  # as it goes: the later benchmarks take their time
            found = {"machine": machine, "tables": [table.plain() for table in tables]}
            write_atomic(options.json, json.dumps(found, indent=2) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure this program on this machine.")
    parser.add_argument("names", nargs="*", type=_name, metavar="NAME", help=f"of {', '.join(BENCHMARKS)} (all)")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes; the figures mean nothing")
    parser.add_argument("--epochs", type=_positive, metavar="N", help=f"of whole_training ({FULL.epochs})")
    parser.add_argument("--markdown", action="store_true", help="tables for a document")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures there")
    return parser


def _name(text: str) -> str:
    if text not in BENCHMARKS:
        raise argparse.ArgumentTypeError(f"no such benchmark: {text}; choose from {', '.join(BENCHMARKS)}")
    return text


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def _header(machine: Mapping[str, str], *, markdown: bool) -> str:
    if markdown:
        return "\n".join(f"- {name}: {value}" for name, value in machine.items())
    width = max(map(len, machine))
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in machine.items())


if __name__ == "__main__":
    main()
