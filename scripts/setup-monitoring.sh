#!/usr/bin/env bash
# Installs and configures monitoring beside a coordinator: Prometheus, Alertmanager, Grafana where
# its package can be had, and a Tor onion service for Grafana. Everything listens on loopback.
#
#   scripts/setup-monitoring.sh [options]
#
#   --metrics HOST:PORT   where a coordinator answers Prometheus (127.0.0.1:8701); repeatable
#   --coordinator PORT    give the coordinator on 127.0.0.1:PORT an onion service, too
#   --no-tor              no onion service at all
#   --dry-run             say what would be done, and change nothing
#   --check               look whether each part is as it should be, and change nothing
#   --uninstall           put back what was there before; packages, data and onion keys stay
#   --root DIR            work in the file tree below DIR, without packages and services
#
# Safe to repeat. A file that you changed after this script had written it is left as it is, with a
# word about it. Messages go to stderr; only Grafana's new password goes to stdout, once. Onion names
# are secrets here: they go to one file that only root reads, and are never printed.

set -euo pipefail
umask 022
cd "$(dirname "$0")/.."

readonly deploy=$PWD/deploy
readonly begin='# --- Tripartite monitoring: written by scripts/setup-monitoring.sh, begin ---'
readonly end='# --- Tripartite monitoring: end ---'

root='' mode=install tor=yes coordinator=''
metrics=()

say() { printf 'setup-monitoring: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

usage() { sed -n '2,/^$/s/^# \{0,1\}//p' scripts/setup-monitoring.sh >&2; }

while [ $# -gt 0 ]; do
    case $1 in
        --metrics) [ $# -gt 1 ] || fail "--metrics needs HOST:PORT"; metrics+=("$2"); shift ;;
        --coordinator) [ $# -gt 1 ] || fail "--coordinator needs a port"; coordinator=$2; shift ;;
        --root) [ $# -gt 1 ] || fail "--root needs a directory"; root=${2%/}; shift ;;
        --no-tor) tor=no ;;
        --dry-run) mode=dry-run ;;
        --check) mode=check ;;
        --uninstall) mode=uninstall ;;
        --help | -h) usage; exit 0 ;;
        *) usage; fail "unknown option $1" ;;
    esac
    shift
done
[ ${#metrics[@]} -gt 0 ] || metrics=(127.0.0.1:8701)
for one in "${metrics[@]}"; do
    [[ $one =~ ^[A-Za-z0-9.:_-]+:[0-9]+$ ]] || fail "--metrics $one isn't HOST:PORT"
done
[[ $coordinator =~ ^[0-9]*$ ]] || fail "--coordinator $coordinator isn't a port"
[ -z "$root" ] || [ -d "$root" ] || fail "--root $root isn't a directory"

readonly state=$root/var/lib/tripartite-monitoring
readonly manifest=$state/files
readonly onions=$root/etc/tripartite/onions
readonly torrc=$root/etc/tor/torrc
readonly grafana_default=$root/etc/default/grafana-server
readonly grafana_password=$root/etc/grafana/tripartite-admin-password
readonly daemons=(prometheus prometheus-alertmanager)

has_grafana() { [ -d "$root/usr/share/grafana" ]; }
has_systemd() { [ -z "$root" ] && [ -d /run/systemd/system ] && have systemctl; }

# Every change goes through here, so that --dry-run can't forget one.
doing() {
    if [ "$mode" = dry-run ]; then
        say "would $1"
        return
    fi
    say "$1"
    shift
    "$@"
}

# --- files --------------------------------------------------------------------------------------

fingerprint() { sha256sum "$1" | cut -d' ' -f1; }
recorded() { [ ! -e "$manifest" ] || awk -v p="$1" 'substr($0, 67) == p {print $1}' "$manifest"; }

record() {
    local kept
    mkdir -p "$state"
    # sha256sum's own form: 64 digits, two blanks, the path.
    kept=$([ ! -e "$manifest" ] || awk -v p="$1" 'substr($0, 67) != p' "$manifest")
    printf '%s\n%s  %s\n' "$kept" "$(fingerprint "$1")" "$1" | sed '/^$/d' >"$manifest.new"
    mv "$manifest.new" "$manifest"
}

write_file() {
    mkdir -p "$(dirname "$1")"
    # What the package or somebody else put there comes back with --uninstall.
    if [ -e "$1" ] && [ -z "$(recorded "$1")" ] && [ ! -e "$1.before-tripartite" ]; then
        cp -p "$1" "$1.before-tripartite"
    fi
    printf '%s\n' "$2" >"$1.new"
    chmod 0644 "$1.new"
    mv "$1.new" "$1"
    record "$1"
}

# put PATH CONTENT
put() {
    local before
    before=$(recorded "$1")
    if [ -e "$1" ] && [ -n "$before" ] && [ "$before" != "$(fingerprint "$1")" ]; then
        say "you changed $1: left as it is"
        return
    fi
    if [ -e "$1" ] && [ "$(cat "$1")" = "$2" ] && [ -n "$before" ]; then
        return
    fi
    doing "write $1" write_file "$1" "$2"
}

without_block() {
    [ ! -e "$1" ] || awk -v b="$begin" -v e="$end" '$0 == b {inside = 1} !inside; $0 == e {inside = 0}' "$1"
}

write_block() {
    mkdir -p "$(dirname "$1")"
    { without_block "$1"; printf '%s\n%s\n%s\n' "$begin" "$2" "$end"; } >"$1.new"
    # Owner and mode stay those of the package.
    [ ! -e "$1" ] || { chmod --reference="$1" "$1.new"; chown --reference="$1" "$1.new"; }
    mv "$1.new" "$1"
}

# put_block PATH CONTENT: a part of a file that belongs to somebody else
put_block() {
    local wanted
    wanted=$(without_block "$1"; printf '%s\n%s\n%s\n' "$begin" "$2" "$end")
    if [ -e "$1" ] && [ "$(cat "$1")" = "$wanted" ]; then
        return
    fi
    doing "write our part of $1" write_block "$1" "$2"
}

remove_block() {
    if [ -e "$1" ] && grep -qF "$begin" "$1"; then
        doing "take our part out of $1" strip_block "$1"
    fi
}

strip_block() {
    without_block "$1" >"$1.new"
    chmod --reference="$1" "$1.new"
    chown --reference="$1" "$1.new"
    mv "$1.new" "$1"
}

# --- packages and services ------------------------------------------------------------------------

# Debian starts a daemon as soon as it is installed, and Prometheus would listen everywhere until
# it is configured. policy-rc.d is how Debian is asked not to.
apt_install() {
    local policy=/usr/sbin/policy-rc.d ours=no status=0
    if [ ! -e "$policy" ]; then
        ours=yes
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 0755 "$policy"
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2 || status=$?
    [ "$ours" = no ] || rm -f "$policy"
    return "$status"
}

install_packages() {
    local wanted=() name
    [ -z "$root" ] || return 0
    have prometheus || wanted+=(prometheus)
    have prometheus-alertmanager || wanted+=(prometheus-alertmanager)
    [ "$tor" = no ] || have tor || wanted+=(tor)
    if ! has_grafana; then
        if have apt-cache && apt-cache policy grafana 2>/dev/null | grep -q 'Candidate: [0-9]'; then
            wanted+=(grafana)
        else
            say "Grafana's package can't be had from this system's package sources: going on" \
                "without it. Add Grafana's own source (docs/guides/monitoring.md), then run again"
        fi
    fi
    [ ${#wanted[@]} -gt 0 ] || return 0
    have apt-get || fail "this is not a Debian system: install ${wanted[*]} by its own means first"
    for name in "${wanted[@]}"; do
        doing "install the package $name" apt_install "$name"
    done
}

start_services() {
    local name units=("${daemons[@]}")
    ! has_grafana || units+=(grafana-server)
    [ "$tor" = no ] || units+=(tor)
    if [ -n "$root" ]; then
        return
    fi
    if ! has_systemd; then
        say "no systemd here: start or restart these yourself: ${units[*]}"
        return
    fi
    for name in "${units[@]}"; do
        doing "enable and restart $name" restart "$name"
    done
}

restart() { systemctl enable --quiet "$1" && systemctl restart "$1"; }

# --- the parts ------------------------------------------------------------------------------------

configure_prometheus() {
    local targets content
    targets=$(printf '"%s", ' "${metrics[@]}")
    content=$(sed "s|\"127.0.0.1:8701\"|${targets%, }|" "$deploy/prometheus/prometheus.yml")
    put "$root/etc/prometheus/prometheus.yml" "$content"
    put "$root/etc/prometheus/tripartite-alerts.yml" \
        "$(cat "$deploy/prometheus/tripartite-alerts.yml")"
    put "$root/etc/default/prometheus" "$(cat "$deploy/prometheus/prometheus.default")"
    put "$root/etc/prometheus/alertmanager.yml" "$(cat "$deploy/alertmanager/alertmanager.yml")"
    put "$root/etc/default/prometheus-alertmanager" \
        "$(cat "$deploy/alertmanager/alertmanager.default")"
}

configure_grafana() {
    if ! has_grafana; then
        return
    fi
    put "$root/etc/grafana/provisioning/datasources/tripartite.yml" \
        "$(cat "$deploy/grafana/datasource.yml")"
    put "$root/etc/grafana/provisioning/dashboards/tripartite.yml" \
        "$(cat "$deploy/grafana/dashboards.yml")"
    put "$root/var/lib/grafana/dashboards/tripartite/grafana-dashboard.json" \
        "$(cat "$deploy/grafana/grafana-dashboard.json")"
    put_block "$grafana_default" "$(cat "$deploy/grafana/grafana.env")
# The password of the first start; see the script.
GF_SECURITY_ADMIN_PASSWORD__FILE=/etc/grafana/tripartite-admin-password"
    [ -e "$grafana_password" ] || doing "choose a password for Grafana's admin" choose_password
}

choose_password() {
    local password
    password=$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')
    mkdir -p "$(dirname "$grafana_password")"
    (umask 077 && printf '%s' "$password" >"$grafana_password")
    if getent group grafana >/dev/null 2>&1 && [ "$(id -u)" -eq 0 ]; then
        chgrp grafana "$grafana_password" && chmod 0640 "$grafana_password"
    fi
    # Grafana reads that file only before its first start; afterwards its own tool has to say it.
    if [ -e "$root/var/lib/grafana/grafana.db" ]; then
        if have grafana-cli; then
            printf '%s\n' "$password" |
                grafana-cli admin reset-admin-password --password-from-stdin >&2
        else
            rm -f "$grafana_password"
            fail "Grafana ran before with a password of its own, and its grafana-cli isn't here"
        fi
    fi
    printf 'Grafana: user admin, password %s (shown this once)\n' "$password"
}

configure_tor() {
    local block
    if [ "$tor" = no ]; then
        remove_block "$torrc"
        return
    fi
    block=$(sed -n '/^HiddenService/p' "$deploy/tor/grafana.torrc")
    if [ -n "$coordinator" ]; then
        block+=$'\n'$(sed -n '/^HiddenService/p' "$deploy/tor/coordinator.torrc" |
            sed "s/127.0.0.1:8700/127.0.0.1:$coordinator/")
    fi
    put_block "$torrc" "$block"
}

# The names that Tor made, for root alone. They are never printed: who knows one can knock.
keep_onion_names() {
    local name file waited=0
    [ "$tor" = yes ] && [ "$mode" = install ] || return 0
    local names=(grafana)
    [ -z "$coordinator" ] || names+=(coordinator)
    for name in "${names[@]}"; do
        file=$root/var/lib/tor/tripartite-$name/hostname
        # Tor writes the file when it has read its new settings.
        while [ ! -e "$file" ] && has_systemd && [ "$waited" -lt 30 ]; do
            sleep 1
            waited=$((waited + 1))
        done
        if [ ! -e "$file" ]; then
            say "Tor hasn't made the onion service for $name yet: start it, then run this again"
            continue
        fi
        write_onion_name "$name" "$file"
    done
}

write_onion_name() {
    local kept
    mkdir -p "$(dirname "$onions")"
    kept=$([ ! -e "$onions" ] || grep -v "^$1 " "$onions" || true)
    (
        umask 077
        printf '%s\n%s http://%s\n' "$kept" "$1" "$(cat "$2")" | sed '/^$/d' >"$onions.new"
    )
    mv "$onions.new" "$onions"
    say "the onion name of $1 is in $onions, which only root can read"
}

# --- look -------------------------------------------------------------------------------------------

failures=0
passed() { say "ok      $1"; }
missing() { say "WRONG   $1"; failures=$((failures + 1)); }
expect() { local what=$1; shift; if "$@" >/dev/null 2>&1; then passed "$what"; else missing "$what"; fi; }

# fetch PORT PATH WORD: whether what answers on loopback says WORD
fetch() {
    local answer
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
    printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$2" >&3
    answer=$(cat <&3)
    exec 3>&-
    [[ $answer == *"$3"* ]]
}

is_private() { [ -e "$1" ] && [ -z "$(find "$1" -perm /0037)" ]; }
has_line() { grep -qxF -- "$2" "$1"; }

check() {
    expect "Prometheus' configuration and alerts" \
        promtool check config "$root/etc/prometheus/prometheus.yml"
    expect "Prometheus listens on loopback and keeps 15 days" \
        cmp "$root/etc/default/prometheus" "$deploy/prometheus/prometheus.default"
    expect "Alertmanager's configuration" amtool check-config "$root/etc/prometheus/alertmanager.yml"
    expect "Alertmanager listens on loopback" \
        cmp "$root/etc/default/prometheus-alertmanager" "$deploy/alertmanager/alertmanager.default"
    if has_grafana; then
        expect "Grafana has its data source" \
            test -e "$root/etc/grafana/provisioning/datasources/tripartite.yml"
        expect "Grafana has the dashboard of this version" \
            cmp "$root/var/lib/grafana/dashboards/tripartite/grafana-dashboard.json" \
            "$deploy/grafana/grafana-dashboard.json"
        expect "Grafana listens on loopback" has_line "$grafana_default" GF_SERVER_HTTP_ADDR=127.0.0.1
        expect "Grafana tells nobody of itself" \
            has_line "$grafana_default" GF_ANALYTICS_REPORTING_ENABLED=false
        expect "Grafana's password is private" is_private "$grafana_password"
    else
        say "–       Grafana isn't installed"
    fi
    if [ "$tor" = yes ]; then
        expect "Tor has our onion service" has_line "$torrc" "$begin"
        expect "the onion names are private" is_private "$onions"
    fi
    if [ -z "$root" ]; then
        expect "Prometheus answers" fetch 9090 /-/healthy Healthy
        expect "Alertmanager answers" fetch 9093 /-/healthy OK
        ! has_grafana || expect "Grafana answers" fetch 3000 /api/health ok
        for one in "${metrics[@]}"; do
            [[ $one != 127.0.0.1:* ]] ||
                expect "the coordinator answers" fetch "${one##*:}" /metrics rpc_health_checks_total
        done
    fi
    [ "$failures" -eq 0 ] || fail "$failures of these aren't as they should be: run without --check"
}

# --- undo -------------------------------------------------------------------------------------------

take_back() {
    if [ -e "$1.before-tripartite" ]; then
        mv "$1.before-tripartite" "$1"
    else
        rm -f "$1"
    fi
}

uninstall() {
    local path
    remove_block "$torrc"
    remove_block "$grafana_default"
    if [ -e "$manifest" ]; then
        while read -r _ path; do
            doing "put back $path" take_back "$path"
        done <"$manifest"
    fi
    rm -rf "$state"
    rm -f "$onions" "$grafana_password"
    if has_systemd; then
        local name
        for name in "${daemons[@]}" grafana-server tor; do
            ! systemctl is-active --quiet "$name" || doing "restart $name" systemctl restart "$name"
        done
    fi
    say "packages, measured data, Grafana's database and Tor's onion keys are still there"
}

# --- main -------------------------------------------------------------------------------------------

if [ "$mode" != dry-run ] && [ -z "$root" ] && [ "$(id -u)" -ne 0 ]; then
    fail "run it as root (or with --dry-run, or --root DIR)"
fi
case $mode in
    check) check ;;
    uninstall) uninstall ;;
    *)
        install_packages
        configure_prometheus
        configure_grafana
        configure_tor
        start_services
        keep_onion_names
        [ "$mode" = dry-run ] || say "done; scripts/setup-monitoring.sh --check looks at it again"
        ;;
esac
