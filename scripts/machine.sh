# shellcheck shell=bash
# What the machine must have: found, or installed from the distribution's packages. Sourced by ./dev.

# The directory that holds initdb and postgres; the newest if there are several.
find_postgres() {
    local dir found=
    for dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/postgresql*/bin; do
        [[ -x $dir/initdb && -x $dir/postgres ]] && found+="$dir"$'\n'
    done
    if [[ -n $found ]]; then
        printf %s "$found" | sort -V | tail -n 1
    elif dir=$(command -v initdb) && [[ -x ${dir%/*}/postgres ]]; then
        echo "${dir%/*}"
    fi
}

find_redis() { command -v redis-server || command -v valkey-server || true; }

# How to become root: sudo asks for a password only where somebody can type one.
AS_ROOT=()
((EUID == 0)) || AS_ROOT=(sudo)
((EUID == 0)) || [[ -t 0 ]] || AS_ROOT=(sudo -n)

# Installs packages without letting them start anything. Package scripts talk to systemd or to
# invoke-rc.d; the two variables tell each that this is not the moment. Postgres' package would also
# make a cluster of its own: a file that is there only meanwhile tells it not to.
# shellcheck disable=SC2016 # expanded by the inner shell
readonly APT_INSTALL='
    held=/etc/postgresql-common/createcluster.d
    made_dir=; [ -d "$held" ] || made_dir=yes
    trap '\''rm -f "$held/rail-dev.conf"; [ -z "$made_dir" ] || rmdir "$held" 2>/dev/null'\'' EXIT
    trap "exit 130" INT TERM HUP
    mkdir -p "$held"
    echo "create_main_cluster = false" >"$held/rail-dev.conf"
    export DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 RUNLEVEL=1
    apt-get -q update && apt-get -q -y --no-install-recommends install "$@" || exit
    for package in "$@"; do
        # Installed for us, not to run at every boot.
        [ "$package" != redis-server ] || ! command -v systemctl || systemctl --quiet disable redis-server
    done'

install_packages() {
    local log=$DEV/log/install.log
    mkdir -p "$DEV/log"
    say "installing $* (apt-get; output in ${log#"$ROOT"/})"
    # In the foreground, so that sudo can ask, and so that an ending script waits for dpkg.
    "${AS_ROOT[@]}" sh -c "$APT_INSTALL" sh "$@" >"$log" 2>&1 </dev/null || {
        tail -n 15 "$log" >&2
        die "could not install $*: see above; or install them yourself and run this again"
    }
}

# need WHAT…: postgres, redis, compiler, python, node.
need() {
    local what packages=() names=()
    for what; do
        case $what in
        postgres) [[ -n $(find_postgres) ]] || packages+=(postgresql) names+=("PostgreSQL 14 or newer (the server: initdb and postgres)") ;;
        redis) [[ -n $(find_redis) ]] || packages+=(redis-server) names+=("Redis 6 or newer (redis-server or valkey-server)") ;;
        compiler) command -v cc >/dev/null || packages+=(gcc libc6-dev pkg-config) names+=("a C compiler (cc) and pkg-config") ;;
        python) python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv) names+=("Python 3.10 or newer with its venv module") ;;
        node)
            command -v node >/dev/null || packages+=(nodejs) names+=("Node.js 18 or newer")
            command -v npm >/dev/null || packages+=(npm) names+=("npm")
            ;;
        esac
    done
    ((${#packages[@]})) || return 0
    if command -v apt-get >/dev/null && { ((EUID == 0)) || command -v sudo >/dev/null; }; then
        install_packages "${packages[@]}"
    else
        warn "missing on this machine:"
        printf '  - %s\n' "${names[@]}" >&2
        if command -v apt-get >/dev/null; then
            warn "this script may not install them (not root, and there is no sudo). As root:"
            warn "  apt-get install --no-install-recommends ${packages[*]}"
        else
            warn "this script installs packages on Debian and Ubuntu only. With your system's package manager, for example:"
            warn "  Fedora: dnf install postgresql-server valkey gcc pkgconf python3 nodejs-npm"
            warn "  Arch:   pacman -S postgresql valkey gcc pkgconf python nodejs npm"
            warn "  Alpine: apk add postgresql redis gcc musl-dev pkgconf python3 nodejs npm setpriv"
        fi
        exit 1
    fi
}

# A fresh login may not have cargo on its path yet.
find_cargo() {
    command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    command -v cargo >/dev/null || die "cargo is missing: install Rust from https://rustup.rs and run this again"
}

build() {
    find_cargo
    need compiler
    say "building (cargo build; the first time takes minutes)"
    run cargo build --workspace --bins || exit
}

# A Python of our own in DIR with what WANTED/requirements.txt lists; WHAT it is for.
prepare_venv() {
    local venv=$1 wanted=$2 what=$3 stamp
    need python
    stamp=$(cd "$wanted" && sha256sum ./*.txt && python3 --version)
    if [[ ! -f $venv/stamp || $(<"$venv/stamp") != "$stamp" ]]; then
        say "preparing Python libraries for $what (pip, into ${venv#"$ROOT"/})"
        rm -rf "$venv"
        run python3 -m venv "$venv" || exit
        run "$venv/bin/python" -m pip install -q --no-compile --disable-pip-version-check -r "$wanted/requirements.txt" ||
            die "$what needs Python packages that pip could not install (see above): it takes them from PyPI, through the network"
        echo "$stamp" >"$venv/stamp"
    fi
}

# The libraries the suites compare with, and the stores they write to.
prepare_python() {
    prepare_venv "$DEV/venv" "$ROOT/tests/conformance" "the suites"
    export RAIL_TEST_PYTHON=$DEV/venv/bin/python
}

# The emulator of Azure Blob Storage and a receiver's library for webhooks, and as of which day what they need: a run next
# year is today's run.
readonly NODE_PACKAGES=(azurite@3.35.0 standardwebhooks@1.1.1) NODE_AS_OF=2026-11-01

# What the suites take from npm.
prepare_node() {
    local dir=$DEV/node stamp
    need node
    stamp="${NODE_PACKAGES[*]} $NODE_AS_OF $(node --version)"
    if [[ ! -f $dir/stamp || $(<"$dir/stamp") != "$stamp" ]]; then
        say "preparing ${NODE_PACKAGES[*]} (npm, into ${dir#"$ROOT"/})"
        rm -rf "$dir"
        mkdir -p "$dir"
        run npm install --prefix "$dir" --silent --no-audit --no-fund --ignore-scripts --before "$NODE_AS_OF" "${NODE_PACKAGES[@]}" ||
            die "the suites need ${NODE_PACKAGES[*]}, which npm could not install (see above): it takes them from its registry, through the network"
        echo "$stamp" >"$dir/stamp"
    fi
    export RAIL_TEST_NODE=$dir
}
