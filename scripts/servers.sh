# shellcheck shell=bash
# Private Postgres and Redis servers under $STATE, on free loopback ports. Sourced by ./dev.

PG_USER=   # who runs Postgres, if not the caller: Postgres refuses root
AS_PG=()   # how setpriv becomes that user
PG_DIR=    # where the data is

choose_postgres_user() {
    ((EUID == 0)) || return 0
    PG_USER=postgres
    id postgres >/dev/null 2>&1 || PG_USER=nobody
    AS_PG=("--reuid=$(id -u "$PG_USER")" "--regid=$(id -g "$PG_USER")" --clear-groups)
}

as_postgres_user() {
    setpriv "${AS_PG[@]}" "$@"
}

random_hex() { od -An -v -tx1 -N"$1" /dev/urandom | tr -d ' \n'; }

# Secrets are made once and kept, readable by their owner only.
load_secrets() {
    local file=$STATE/env
    mkdir -p "$STATE/run" "$STATE/log"
    if [[ ! -f $file ]]; then
        (
            umask 077
            {
                echo "POSTGRES_PASSWORD=$(random_hex 16)"
                echo "REDIS_PASSWORD=$(random_hex 16)"
                echo "RAIL_MASTER_KEYS=dev:$(head -c 32 /dev/urandom | base64 -w 0)"
                echo "RAIL_BOOTSTRAP_API_KEY=rail_$(random_hex 24)"
            } >"$file.new"
        )
        mv "$file.new" "$file"
    fi
    # shellcheck disable=SC1090
    . "$file"
}

# Where Postgres keeps its data: in $STATE, or, when its user cannot get there (a checkout in a
# private home), in a directory of its own whose path is noted in $STATE/pg.path.
find_postgres_directory() {
    PG_DIR=
    [[ ! -f $STATE/pg.path ]] || PG_DIR=$(<"$STATE/pg.path")
    if [[ -d $PG_DIR ]]; then
        return
    elif as_postgres_user test -x "$STATE"; then
        PG_DIR=$STATE/pg
    else
        PG_DIR=$(mktemp -d /var/tmp/rail-dev.XXXXXXXX)
        echo "$PG_DIR" >"$STATE/pg.path"
    fi
    mkdir -p "$PG_DIR"
    chmod 700 "$PG_DIR"
    [[ -z $PG_USER ]] || chown "$PG_USER" "$PG_DIR"
}

remove_postgres_directory() {
    [[ ! -f $STATE/pg.path ]] || rm -rf "$(<"$STATE/pg.path")"
    rm -rf "$STATE/pg"
}

# A new cluster gets its name only when it is whole.
make_cluster() {
    local data=$PG_DIR/data.new password=$PG_DIR/password options=()
    [[ $STATE == "$DEV" ]] || options=(--no-sync) # of no worth after this run
    rm -rf "$data"
    echo "$POSTGRES_PASSWORD" >"$password" # in a directory only its owner can enter
    as_postgres_user test -r "$password" || chown "$PG_USER" "$password"
    run env -C / setpriv "${AS_PG[@]}" "$1/initdb" -D "$data" -U postgres --pwfile="$password" \
        --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 "${options[@]}" >>"$STATE/log/postgres.log" 2>&1 || {
        tail -n 20 "$STATE/log/postgres.log" >&2
        die "initdb failed"
    }
    rm -f "$password"
    mv "$data" "$PG_DIR/data"
}

# The postmaster writes "ready" into its pid file.
postgres_ready() { [[ $(sed -n 8p "$PG_DIR/data/postmaster.pid" 2>/dev/null) == ready* ]]; }

# start_postgres [SETTING…]
start_postgres() {
    local bin setting settings=()
    running postgres && return
    say "starting Postgres (data in ${STATE#"$ROOT"/})"
    bin=$(find_postgres)
    choose_postgres_user
    find_postgres_directory
    [[ -d $PG_DIR/data ]] || make_cluster "$bin"
    for setting; do settings+=(-c "$setting"); done
    # From /, because the checkout may be a place its user cannot stand in.
    launch postgres "$(port_of postgres)" postgres_ready \
        env -C / setpriv "${AS_PG[@]}" --pdeathsig INT "$bin/postgres" -D "$PG_DIR/data" \
        -c listen_addresses=127.0.0.1 -c port=%PORT% -c unix_socket_directories= "${settings[@]}"
}

redis_ready() {
    (
        exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
        printf 'AUTH %s\r\nPING\r\n' "$REDIS_PASSWORD" >&3
        read -r -t 5 _ <&3 && read -r -t 5 answer <&3 && [[ $answer == +PONG* ]]
    ) 2>/dev/null
}

# start_redis [DATABASES]. The password goes through a file, so that a list of processes does not show it.
start_redis() {
    running redis && return
    say "starting Redis"
    mkdir -p "$STATE/redis"
    (umask 077 && echo "requirepass $REDIS_PASSWORD" >"$STATE/redis/redis.conf")
    launch redis "$(port_of redis)" redis_ready "$(find_redis)" "$STATE/redis/redis.conf" \
        --bind 127.0.0.1 --port %PORT% --dir "$STATE/redis" --databases "${1:-16}" --save '' --appendonly no
}

postgres_url() { echo "postgres://postgres:$POSTGRES_PASSWORD@127.0.0.1:$(port_of postgres)/postgres"; }
redis_url() { echo "redis://:$REDIS_PASSWORD@127.0.0.1:$(port_of redis)"; }
