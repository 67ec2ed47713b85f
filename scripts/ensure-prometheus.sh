#!/bin/sh
# The tests on a real server need `prometheus` and `promtool`. Where they are missing and this user may
# install Debian or Ubuntu packages, install that one package; elsewhere say how to get them.
set -u
command -v prometheus >/dev/null 2>&1 && command -v promtool >/dev/null 2>&1 && exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then as_root="sudo -n"; fi
fi
if command -v apt-get >/dev/null 2>&1 && { [ "$(id -u)" -eq 0 ] || [ -n "$as_root" ]; }; then
    echo "installing the Debian package prometheus for the tests on a real server"
    $as_root apt-get update -qq >/dev/null 2>&1
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends prometheus >/dev/null 2>&1
    # The package starts a server of its own; the tests start theirs.
    if command -v systemctl >/dev/null 2>&1; then $as_root systemctl disable --now prometheus >/dev/null 2>&1; fi
fi
if command -v prometheus >/dev/null 2>&1 && command -v promtool >/dev/null 2>&1; then exit 0; fi
echo "prometheus and promtool are not on PATH: tests on a real server are skipped." >&2
echo "Get them with 'apt-get install prometheus' or from https://prometheus.io/download/." >&2
if [ "${CI:-}" = "true" ]; then exit 1; fi
exit 0
