"""The clock of the machine is set back by two hours during a run, for the run alone: a library says another time."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from bench import PATIENCE, Bench, wait_until
from fault_table import Row

SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <sys/time.h>

static time_t offset(void) {
    struct stat there;
    const char *file = getenv("CLOCK_BACK");
    return file && stat(file, &there) == 0 ? -7200 : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(clock, now);
    if (code == 0 && clock == CLOCK_REALTIME) now->tv_sec += offset();
    return code;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec fine;
    (void) zone;
    int code = clock_gettime(CLOCK_REALTIME, &fine);
    now->tv_sec = fine.tv_sec;
    now->tv_usec = fine.tv_nsec / 1000;
    return code;
}

time_t time(time_t *where) {
    struct timespec fine;
    clock_gettime(CLOCK_REALTIME, &fine);
    if (where) *where = fine.tv_sec;
    return fine.tv_sec;
}
"""


@pytest.fixture
def shim(tmp_path: Path) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    source, library = tmp_path / "shim.c", tmp_path / "shim.so"
    source.write_text(SHIM)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def test_a_clock_that_is_set_back_loses_nothing(tmp_path: Path, bench: Bench, shim: Path, row: Row) -> None:
    back = tmp_path / "back"
    bench = replace(bench, environment={"LD_PRELOAD": str(shim), "CLOCK_BACK": str(back)})
    bench.write_study(epochs=40, seeds=4, engine="torch")
    driver = bench.start("run", "tiny.yaml")
    wait_until(lambda: len(bench.ids("done")) >= 2, driver)
    back.touch()
    _, errors = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 0, errors
    times = [event["time"] for event in bench.events()]
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) < -7000, "it was not set back"
    assert bench.accounted()["done"] == 8
    again = bench.dsn("run", "tiny.yaml")
    assert "8 trials, 8 already there, 0 to run" in again.stderr
    row("clock set back", "two hours, in the middle of a run", 1, "8 done, each once")
