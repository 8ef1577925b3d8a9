# Sourced by the scripts beside this folder: makes `.venv` in the repository root complete, or finds it so.
# Afterwards $root is the repository root and $venv the environment.
#
# .venv/setup-state says how far it is: "unfinished" while something is being installed, and, written last, what the
# environment was made for: its folder and Python on the first line, then pyproject.toml and constraints.txt.
#   the same text    nothing to do
#   same first line  pip brings the packages up to date
#   anything else    made anew: interrupted half-way, moved to another folder, or its Python is gone
# An environment without the file was made by hand: it is kept, and pip completes it.

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
venv=$root/.venv
setup_state=$venv/setup-state
setup_log=$venv/setup.log

setup_say() { printf 'setup: %s\n' "$*" >&2; }
setup_fail() { setup_say "$@"; exit 3; }

# Prints the version of a Python that can be used ("3.12"); fails for any other. The upper end is torch's.
setup_version() {
    "$1" -ISc 'import sys; v = sys.version_info[:2]; print("%d.%d" % v); sys.exit(not (3, 11) <= v <= (3, 14))' 2>/dev/null
}

setup_identity() {  # what the environment must have been made for; fails where its Python does not start
    local version
    version=$(setup_version "$venv/bin/python") && printf '%s, Python %s' "$root" "$version"
}

setup_wanted() { setup_identity && printf '\n' && cat -- "$root/pyproject.toml" "$root/constraints.txt"; }

setup_is_ready() {
    local wanted
    [[ -f $setup_state ]] && wanted=$(setup_wanted) && [[ $(<"$setup_state") == "$wanted" ]]
}

setup_is_usable() {
    local identity first
    identity=$(setup_identity) || return 1
    [[ -f $setup_state ]] || return 0
    read -r first <"$setup_state" && [[ $first == "$identity" ]]
}

setup_find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11 python3.14; do
        if setup_version "$candidate" >/dev/null; then
            echo "$candidate"
            return
        fi
    done
    setup_fail "no Python 3.11 to 3.14 on the PATH (looked for python3, python3.11 ... python3.14)." \
        "Install one, then run the same command again."
}

setup_make_venv() {
    local python
    python=$(setup_find_python) || exit
    setup_say "making an environment with Python $(setup_version "$python") in $venv"
    rm -rf -- "$venv"
    mkdir -- "$venv"
    echo unfinished >"$setup_state"
    "$python" -Im venv --without-pip "$venv" >&2 ||
        setup_fail "Python could not make it: see above. Put that right, then run the same command again."
}

setup_has_pip() { "$venv/bin/python" -Ic 'import pip' 2>/dev/null; }

# pip comes with Python; where a system packages Python without that part, its own pip does it.
setup_pip() {
    local python
    setup_has_pip || "$venv/bin/python" -Im ensurepip --default-pip >/dev/null 2>&1 || true
    setup_has_pip && return
    python=$(setup_find_python) || exit
    "$python" -Pm pip --python "$venv/bin/python" install --no-input --quiet pip >&2 ||
        setup_fail "$python has neither ensurepip nor a pip of 22.3 or later. Install pip for it, then run the same" \
            "command again."
}

setup_install() {
    setup_say "installing the packages: 2 to 10 minutes where torch, which is large, is not there yet; then never again"
    echo unfinished >"$setup_state"
    rm -f -- "$setup_log"
    setup_pip
    if ! (cd -- "$root" && "$venv/bin/python" -Im pip install --no-input --disable-pip-version-check \
        --log "$setup_log" -c constraints.txt -e '.[dev]' >&2); then
        if grep -qsE 'NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError' "$setup_log"; then
            setup_say "the network is the likely cause: pip could not reach its package index"
        fi
        setup_say "pip could not install the packages; all it said is in $setup_log"
        setup_fail "run the same command again to retry"
    fi
    setup_wanted >"$setup_state.new"
    mv -f -- "$setup_state.new" "$setup_state"
    rm -f -- "$setup_log"
    setup_say "ready"
}

# The lock belongs to descriptor 9, whichever process locks it: held until this shell and an installation that it left
# behind have ended. Python, because flock(1) is not everywhere.
setup_lock() {
    local python
    python=$(setup_find_python) || exit
    exec 9>"$root/.venv.lock"
    "$python" -ISc 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null && return
    setup_say "another run is setting up $venv: waiting for it"
    "$python" -ISc 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
}

if ! setup_is_ready; then
    setup_lock
    if ! setup_is_ready; then
        setup_is_usable || setup_make_venv
        setup_install
    fi
    exec 9>&-
fi
