# shellcheck shell=bash
# The test suites, on servers of their own. Sourced by ./dev.

# The test targets of tests/Cargo.toml, after the unit tests of all packages.
all_suites() {
    echo unit
    sed -n '/^\[\[test\]\]/,/^$/s/^name *= *"\([^"]*\)".*/\1/p' tests/Cargo.toml
}

# Directories of runs that were killed before they could clean up.
sweep_suites() {
    local dir
    for dir in "$DEV"/{test,bench}-*/; do
        STATE=${dir%/}
        [[ -d $STATE ]] || continue
        ! pid_of suites >/dev/null || continue
        stop redis
        stop postgres
        remove_postgres_directory
        rm -rf "$STATE"
    done
}

# A state directory for one run, named after WHAT, which goes with it; the logs of one that failed are kept.
own_servers_state() {
    STATE=$(mktemp -d "$DEV/$1-XXXXXXXX")
    chmod 755 "$STATE"
    mkdir "$STATE/run"
    echo "$$ $(born $$)" >"$STATE/run/suites"
    KEEP_LOGS=$DEV/log/failed-$1s
    # shellcheck disable=SC2317 # called by the exit trap
    after_stop() {
        if [[ $1 != 0 && -d $STATE/log ]]; then
            rm -rf "$KEEP_LOGS"
            cp -a "$STATE/log" "$KEEP_LOGS"
        fi
        remove_postgres_directory
        rm -rf "$STATE"
    }
}

run_suites() {
    local suites=() suite known results=() failed=0
    mapfile -t known < <(all_suites)
    while (($#)) && [[ $1 != -- ]]; do
        printf '%s\n' "${known[@]}" | grep -qxF -- "$1" || die "no suite '$1'; there is: ${known[*]}"
        suites+=("$1")
        shift
    done
    (($# == 0)) || shift
    ((${#suites[@]})) || suites=("${known[@]}")

    own_state
    take_charge
    sweep_suites
    own_servers_state test
    need compiler postgres redis
    [[ ! " ${suites[*]} " =~ ' conformance '|' integration '|' resilience ' ]] || prepare_python
    [[ ! " ${suites[*]} " =~ ' conformance '|' integration '|' resilience ' ]] || prepare_node
    build
    load_secrets
    # Nothing here outlives the run, so nothing need be safe on disk.
    start_postgres max_connections=1000 shared_buffers=256MB fsync=off full_page_writes=off \
        synchronous_commit=off wal_level=minimal max_wal_senders=0 max_wal_size=256MB
    start_redis 4096
    RAIL_TEST_DATABASE_URL=$(postgres_url)
    RAIL_TEST_REDIS_URL=$(redis_url)
    # What crashes servers on purpose starts its own, and keeps the logs of the programs it starts with the others.
    RAIL_TEST_POSTGRES_BIN=$(find_postgres)
    RAIL_TEST_POSTGRES_USER=$PG_USER
    RAIL_TEST_REDIS_BIN=$(find_redis)
    RAIL_TEST_LOGS=$STATE/log
    export RAIL_TEST_DATABASE_URL RAIL_TEST_REDIS_URL RAIL_TEST_POSTGRES_BIN RAIL_TEST_POSTGRES_USER
    export RAIL_TEST_REDIS_BIN RAIL_TEST_LOGS

    for suite in "${suites[@]}"; do
        local selection=(--test "$suite") begun=$SECONDS result=passed
        [[ $suite != unit ]] || selection=(--lib --bins)
        say "suite $suite (cargo test ${selection[*]})"
        # Always the whole workspace, so that every suite builds the libraries with the same features.
        run cargo test --workspace "${selection[@]}" "$@" || { result=FAILED failed=1; }
        results+=("$(printf '%-14s %s in %s s' "$suite" "$result" $((SECONDS - begun)))")
    done
    say "the suites:"
    printf '    %s\n' "${results[@]}"
    exit "$failed"
}
