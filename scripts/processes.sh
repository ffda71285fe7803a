# shellcheck shell=bash
# Starting, finding and stopping programs. Sourced by ./dev.
#
# No stray process, by three nets: what this script starts is stopped by its exit trap; the kernel
# ends it when the script itself is killed (setpriv --pdeathsig); and `./dev down` finds the rest
# by the files in $STATE/run, which hold "pid start-time port".

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
[[ -t 1 ]] || say() { printf '==> %s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() {
    warn "error: $*"
    exit 1
}

started=() # names this script started, in order
task=      # the session of the command `run` waits for

# When process $1 began, so that a recycled process id is not taken for ours. A zombie is gone.
born() {
    local line fields
    line=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    read -ra fields <<<"${line##*) }" # the program's name, in brackets, may hold anything
    [[ ${fields[0]} != Z ]] && echo "${fields[19]}"
}

# The pid of NAME if it is running.
pid_of() {
    local pid=0 since=''
    [[ -f $STATE/run/$1 ]] && read -r pid since _ <"$STATE/run/$1"
    [[ -n $since && $(born "$pid") == "$since" ]] && echo "$pid"
}

# Whether NAME runs already, from another shell; says so.
running() {
    pid_of "$1" >/dev/null || return 1
    say "$1 is running already"
}

# The port NAME has, or had when it last ran.
port_of() {
    local port=''
    [[ -f $STATE/run/$1 ]] && read -r _ _ port <"$STATE/run/$1"
    echo "$port"
}

# detached SIGNAL COMMAND…: becomes a command in a session of its own, so that Ctrl-C reaches this
# script alone, which then ends the others in order. It gets SIGNAL when this script dies. Bash makes
# background commands deaf to INT; that is undone. To be used with `&` only.
detached() {
    exec env --default-signal=INT,QUIT setsid setpriv --pdeathsig "$@" 9>&-
}

# Leads the session of a command: when told to end, as by the kernel after this script was killed,
# it tells all that the command started. CONT wakes those that were stopped.
# shellcheck disable=SC2016 # expanded by the inner shell
readonly LEADER='
    trap '\''trap "" TERM; exec 2>/dev/null; kill -s TERM 0; kill -s CONT 0'\'' TERM
    env --default-signal=INT,QUIT "$@" & wait $!'

# Runs a command to its end without becoming deaf to signals, which bash is while a command is in
# the foreground.
run() {
    local status=0
    detached TERM sh -c "$LEADER" sh "$@" </dev/null &
    task=$!
    wait "$task" || status=$?
    stop_session "$task" 5 # what the command left behind
    task=
    return "$status"
}

# The living processes of session $1, whatever their process groups and parents.
members() {
    local file line fields
    for file in /proc/[0-9]*/stat; do
        read -r line 2>/dev/null <"$file" || continue
        read -ra fields <<<"${line##*) }"
        [[ ${fields[3]} != "$1" || ${fields[0]} == Z ]] || echo "${line%% *}"
    done 2>/dev/null
}

# stop_session SESSION SECONDS: asks all of them, waits, then insists. Looks again each time, because
# one that was about to start another may have done so before it heard.
stop_session() {
    local pids pid asked=' ' tenths=$(($2 * 10))
    mapfile -t pids < <(members "$1")
    while ((${#pids[@]} && tenths-- > 0)); do
        for pid in "${pids[@]}"; do
            [[ $asked != *" $pid "* ]] || continue
            kill -s TERM "$pid" 2>/dev/null || true
            kill -s CONT "$pid" 2>/dev/null || true # it may have been stopped
            asked+="$pid "
        done
        sleep 0.1
        mapfile -t pids < <(members "$1")
    done
    ((${#pids[@]} == 0)) || kill -s KILL -- "${pids[@]}" 2>/dev/null || true
}

# stop_pid PID SIGNAL SECONDS
stop_pid() {
    local tenths=$(($3 * 10)) since
    since=$(born "$1") || return 0
    kill -s "$2" -- "$1" 2>/dev/null || true
    kill -s CONT -- "$1" 2>/dev/null || true # it may have been stopped
    while ((tenths-- > 0)) && [[ $(born "$1") == "$since" ]]; do sleep 0.1; done
    [[ $(born "$1") != "$since" ]] || {
        warn "process $1 did not end when asked; killing it"
        kill -s KILL -- "$1" 2>/dev/null || true
    }
}

# Postgres disconnects its clients on INT and ends; on TERM it would wait for them.
stop() {
    local pid signal=TERM
    pid=$(pid_of "$1") || return 0
    [[ $1 == postgres ]] && signal=INT
    stop_pid "$pid" "$signal" 20
    # A server's file keeps its port for the next time; a worker has none.
    [[ $1 != worker-* ]] || rm -f "$STATE/run/$1"
}

# A port of 127.0.0.1 nobody listens on: $1 if that is free, else a random one.
free_port() {
    local port=${1:-} tries
    for tries in {1..99}; do
        if [[ -n $port ]] && ! (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
        # Below the range from which the kernel hands out ports by itself.
        port=$((20000 + RANDOM % 12000))
    done
    die "found no free port in $tries tries"
}

# start NAME PORT COMMAND…: in the background, its output in the log directory.
start() {
    local name=$1 port=$2 signal=TERM
    shift 2
    [[ $name == postgres ]] && signal=INT
    detached "$signal" "$@" >>"$STATE/log/$name.log" 2>&1 </dev/null &
    started+=("$name")
    echo "$! $(born $! || echo 0) $port" >"$STATE/run/$name"
    disown $!
}

# launch NAME PORT READY COMMAND…: starts a server on PORT, or on another port if that is taken, and
# waits until `READY PORT` succeeds. `%PORT%` in the command stands for the port.
launch() {
    local name=$1 wanted=$2 ready=$3 port tries tenths
    shift 3
    for tries in 1 2 3; do
        port=$(free_port "$wanted")
        start "$name" "$port" "${@//%PORT%/$port}"
        for ((tenths = 600; tenths > 0; tenths--)); do
            pid_of "$name" >/dev/null || break
            "$ready" "$port" && return
            sleep 0.1
        done
        ((tenths > 0)) || break
        wanted=
        unset 'started[-1]'
    done
    stop "$name"
    warn "$name did not start; the end of $STATE/log/$name.log:"
    tail -n 20 "$STATE/log/$name.log" >&2
    exit 1
}

listens() { (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Whether http://127.0.0.1:$1$2 answers 200. A fresh machine need not have curl.
answers() {
    (
        exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
        printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$2" "$1" >&3
        read -r -t 5 _ status _ <&3 && timeout 5 cat <&3 >/dev/null && [[ $status == 200 ]]
    ) 2>/dev/null
}

# The exit trap. Nothing interrupts it: every step in it is bounded in time.
finish() {
    local status=$? i
    set +e
    trap '' INT TERM HUP PIPE
    [[ ! -t 1 || $status != 130 ]] || echo # after the terminal's ^C
    [[ -z $task ]] || stop_session "$task" 10
    if ((${#started[@]})); then
        say "stopping ${started[*]}"
        for ((i = ${#started[@]} - 1; i >= 0; i--)); do stop "${started[i]}"; done
    fi
    [[ $(type -t after_stop) != function ]] || after_stop "$status"
    exit "$status"
}

take_charge() {
    trap finish EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 141' PIPE
    trap 'exit 143' TERM
}
