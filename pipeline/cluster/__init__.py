"""Ray: started and ended, given trials, heard. The only room that imports ray.

Tune decides where and when; nothing of its own bookkeeping is relied on after a crash (its snapshots are minutes old,
see pipeline/README.md): the ledger is.
"""

import os

# Read by ray and tune when they are imported.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    # Ray hides no GPU from actors that asked for none, unless told to; ours hide them (see setup).
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Tune writes no logs, no snapshots, and leaves signals to the command line: 4-7 ms a trial instead of 30.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # What went wrong is in the ledger and in a line of ours.
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}
os.environ.update({key: value for key, value in _ENVIRONMENT.items() if key not in os.environ})
