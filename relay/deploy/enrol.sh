#!/bin/sh
# An enrolment program (console.enrol.command) for a WireGuard interface on this host: gives each public key an address of
# a /24, tells the interface, and prints the configuration that the page lacks. Who enrols twice has the same address.
# Needs CAP_NET_ADMIN, for `wg set`, and the folder $STATE for itself.
set -eu
: "${TABWIRE_PUBLIC_KEY:?}" "${TABWIRE_USER:?}"
INTERFACE=${INTERFACE:-wg0}
NETWORK=${NETWORK:-10.90.0}                 # .1 is this host, .2 to .254 are given away
ENDPOINT=${ENDPOINT:-203.0.113.10:51820}    # as the relay's rule names it
ROUTES=${ROUTES:-$NETWORK.0/24}
STATE=${STATE:-/var/lib/tabwire}
WG=${WG:-wg}

case $TABWIRE_PUBLIC_KEY in *[!A-Za-z0-9+/=]*) echo 'not a key' >&2; exit 1 ;; esac

exec 9>>"$STATE/peers"
flock 9
number=$(awk -v key="$TABWIRE_PUBLIC_KEY" '$2 == key { print $1; exit }' "$STATE/peers")
if [ -z "$number" ]; then
  number=$(($(wc -l <"$STATE/peers") + 2))
  [ "$number" -le 254 ] || { echo 'no address left' >&2; exit 1; }
  echo "$number $TABWIRE_PUBLIC_KEY $TABWIRE_USER" >&9
fi
"$WG" set "$INTERFACE" peer "$TABWIRE_PUBLIC_KEY" allowed-ips "$NETWORK.$number/32" >&2

cat <<END
[Interface]
Address = $NETWORK.$number/32

[Peer]
PublicKey = $("$WG" show "$INTERFACE" public-key)
Endpoint = $ENDPOINT
AllowedIPs = $ROUTES
PersistentKeepalive = 25
END
