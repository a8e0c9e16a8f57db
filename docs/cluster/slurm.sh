#!/usr/bin/env bash
# Ray inside a Slurm allocation, a study over all of its nodes, and both gone with it. Edit what is marked EDIT, then
# in the folder of README.md, which all nodes see, once `make install` has been there:
#
#   sbatch docs/cluster/slurm.sh studies/quickstart.yaml [more of `dsn run`]
#
# Five minutes before its time is up Slurm sends SIGTERM: no trial is begun any more, and those that run may finish. A
# minute before the end they are cut off, at their newest checkpoint. Either way the job is queued again, and goes on.
#SBATCH --job-name=dsn
#SBATCH --nodes=4                 # EDIT
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32        # EDIT
#SBATCH --gpus-per-node=4         # EDIT; without this line: no GPUs
#SBATCH --time=24:00:00           # EDIT
#SBATCH --signal=B:TERM@300
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: sbatch docs/cluster/slurm.sh STUDY [more of dsn run]" >&2; exit 2; }
bin=${DSN_BIN:-$PWD/.venv/bin}
patience=${DSN_PATIENCE:-240}     # seconds from the first SIGTERM to the second

# One token for all of a user's clusters, in the home that the nodes share.
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
(umask 077 && "$bin/ray" get-auth-token --generate > /dev/null 2>&1)

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes[0]}                  # this script runs on it
# As the others see it: by its own name it may be 127.0.1.1.
address=$(srun --overlap --nodes=1 --ntasks=1 --nodelist="${nodes[-1]}" getent ahostsv4 "$head" | awk 'NR == 1 {print $1}')
# Of this job alone: a node may have several.
port=$((20000 + SLURM_JOB_ID % 10000))
options=(--block "--num-cpus=${SLURM_CPUS_PER_TASK:-$SLURM_CPUS_ON_NODE}" "--num-gpus=${SLURM_GPUS_ON_NODE:-0}")
options+=("--temp-dir=${TMPDIR:-/tmp}/ray-$SLURM_JOB_ID")

steps=()
ended() {
    kill "${steps[@]}" 2> /dev/null || true
    wait "${steps[@]}" 2> /dev/null || true
}
trap ended EXIT

srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" \
    "$bin/ray" start --head "--node-ip-address=$address" "--port=$port" --include-dashboard=false "${options[@]}" &
steps+=($!)
until (: < "/dev/tcp/$address/$port") 2> /dev/null; do
    kill -0 "${steps[0]}" 2> /dev/null || { echo "Ray's head has not started on $head" >&2; exit 4; }
    sleep 1
done
others=$((${#nodes[@]} - 1))
if [ "$others" -gt 0 ]; then
    # Those that come later than the driver are given trials too.
    srun --overlap --nodes="$others" --ntasks="$others" --exclude="$head" \
        "$bin/ray" start "--address=$address:$port" "${options[@]}" &
    steps+=($!)
fi

"$bin/dsn" run "$@" --address "$address:$port" &
driver=$!
signals=0
ask() {
    signals=$((signals + 1))
    kill -TERM "$driver" 2> /dev/null || true
    # `read` waits for nothing, and unlike `sleep` leaves no process behind when it is ended.
    { read -rt "$patience" <> <(:) || kill -TERM "$driver" 2> /dev/null; } &
    steps+=($!)
}
trap ask TERM
# A signal ends `wait`, not the driver: then its code is not known yet.
heard=-1
while [ "$heard" != "$signals" ]; do
    heard=$signals code=0
    wait "$driver" || code=$?
done

# 4: trials are left. A job that was not asked to stop has another reason for it, which a requeue might only repeat.
if [ "$code" = 4 ] && [ "$signals" -gt 0 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
