# shellcheck shell=bash
# The measurements, on servers of their own. Sourced by ./dev.

run_bench() {
    local what=${1:-}
    [[ $what == jobs || $what == sync || $what == export || $what == events ]] ||
        die "bench knows: jobs, sync, export, events; see ./dev help"
    local arguments=() argument peers=
    for argument; do
        if [[ $argument != --peers ]]; then
            arguments+=("$argument")
        elif [[ $what == sync || $what == export ]]; then
            peers=$DEV/venv-peers-$what
        else
            die "only bench sync and bench export have --peers"
        fi
    done
    own_state
    take_charge
    if [[ -n $peers ]]; then
        prepare_venv "$peers" "$ROOT/bench/peers/$what" "bench $what --peers"
        arguments+=(--peers "$peers/bin/python")
    fi
    sweep_suites
    own_servers_state bench
    need compiler postgres redis
    find_cargo
    say "building (cargo build --release; the first time takes minutes)"
    # By itself: built with the others it would hold the suites' failpoints.
    run cargo build --release --package rail-bench || exit
    load_secrets
    # As Postgres is by default, so that a commit is a commit; only its memory and its connections are more.
    start_postgres shared_buffers=256MB max_connections=300
    start_redis 64
    RAIL_BENCH_POSTGRES_URL=$(postgres_url)
    RAIL_BENCH_REDIS_URL=$(redis_url)
    export RAIL_BENCH_POSTGRES_URL RAIL_BENCH_REDIS_URL RAIL_MASTER_KEYS
    run "${CARGO_TARGET_DIR:-$ROOT/target}/release/rail-bench" "${arguments[@]}" --folder "$STATE/log" \
        --postgres-pid "$(pid_of postgres)" --redis-pid "$(pid_of redis)" || die "the measurement failed"
}
