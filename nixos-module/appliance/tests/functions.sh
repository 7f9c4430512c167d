#!/usr/bin/env bash
# What the appliance's scripts decide, case by case, and shellcheck on each script as it is built.
# Needs bash, coreutils and jq; without shellcheck it says so.
set -o errexit -o nounset -o pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")/../scripts" && pwd)
for file in names cloud-config dns disks screens; do
  # shellcheck source=/dev/null
  source "$scripts/$file.sh"
done
passed=0 failed=0

# is NAME EXPECTED FOUND
is() {
  if [[ $2 == "$3" ]]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAILED  %s\n  expected  %q\n  found     %q\n' "$1" "$2" "$3"
  fi
}
# holds NAME COMMAND..., and fails NAME COMMAND...
holds() {
  local name=$1
  shift
  if "$@" >/dev/null; then is "$name" yes yes; else is "$name" yes no; fi
}
fails() {
  local name=$1
  shift
  if "$@" >/dev/null; then is "$name" no yes; else is "$name" no no; fi
}

# Domains.
is "a domain is written in small letters" chat.example.org "$(domain Chat.Example.ORG)"
is "the root's dot goes" example.org "$(domain example.org.)"
is "another script's name has its ASCII form" xn--mnchen-3ya.de "$(domain xn--mnchen-3ya.de)"
long=$(printf 'a%.0s' {1..63})
holds "a label has 63 letters" domain "$long.org"
for wrong in '' org example..org .example.org -a.org a-.org 'a b.org' a_b.org 192.168.1.1 a.42 \
  'example.org;reboot' "\$(reboot).org" "a.org'" 'a.org"' $'a.org\nb.org' münchen.de "a$long.org" \
  "$long.$long.$long.$long.org" '[::1]' example.org.. ../example.org; do
  fails "no domain: ${wrong:0:20}" domain "$wrong"
done

# Keys.
ed='ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2Xk0s7rA2mB3Ck4dEl5Fm6Gn7Ho8Ip9Jq0Kr1L'
is "a key is taken with its comment" "$ed me@home" "$(public_keys <<<"$ed me@home")"
is "a key with options is none" "" "$(public_keys <<<"command=\"sh\" $ed")"
is "text is no key" "" "$(public_keys <<<"hello ssh-ed25519")"
is "a key of a withdrawn kind is none" "" "$(public_keys <<<"ssh-dss ${ed#* }")"
is "not more than $KEYS keys" "$KEYS" "$(yes "$ed" | head -n 100 | public_keys | wc -l)"
is "a comment cannot lead a terminal astray" "" "$(public_keys <<<"$ed"$' \e[2J')"
is "what is told is printable" "a b[2J" "$(printf 'a\nb\e[2J' | printable 20)"
is "and without blanks at its end" "a b" "$(printf 'a b \n' | printable 20)"
is "and bounded" "aaa" "$(printf 'aaaaaa' | printable 3)"
is "text has no zero bytes" "ab" "$(printf 'a\000b' | text)"

# User data.
is "cloud: a block" chat.example.org "$(cloud_domain <<<$'#cloud-config\ncloister:\n  domain: chat.example.org # ours\n')"
is "cloud: quoted" chat.example.org "$(cloud_domain <<<$'cloister:\n    admin: x\n    domain: "chat.example.org"')"
is "cloud: in a line" chat.example.org "$(cloud_domain <<<'cloister: { domain: chat.example.org }')"
is "cloud: plain" chat.example.org "$(cloud_domain <<<'domain=chat.example.org')"
fails "cloud: another's domain" cloud_domain <<<$'resolv_conf:\n  domain: example.org'
fails "cloud: after the block" cloud_domain <<<$'cloister:\n  x: y\nother:\n  domain: example.org'
fails "cloud: a command" cloud_domain <<<"domain=\$(reboot)"
fails "cloud: nothing" cloud_domain <<<''
is "keys of root" "$ed a" "$(cloud_keys <<<"ssh_authorized_keys:
  - \"$ed a\"
users:
  - name: eve
    ssh_authorized_keys:
      - $ed eve")"
is "keys in metadata" "$ed a" "$(cloud_keys <<<"instance-id: i-1
public-keys:
- $ed a
hostname: x
- $ed b")"

# Files of the boot medium.
is "file: with remarks" example.org "$(file_domain <<<$'# the domain\n\n example.org ')"
is "file: as an assignment" example.org "$(file_domain <<<'domain=example.org')"
fails "file: something else" file_domain <<<$'hello world'
is "toml: the first host's" example.org "$(toml_domain <<<$'[[host]]\ndomain = "example.org"\n[[host]]\ndomain = "b.org"')"
fails "toml: commented out" toml_domain <<<'#domain = "example.org"'

# Clouds.
is "cloud of Amazon" ec2 "$(cloud_of 'Amazon EC2' m5.large)"
is "cloud of OpenStack" ec2 "$(cloud_of 'RDO' 'OpenStack Compute')"
is "cloud of Hetzner" hetzner "$(cloud_of Hetzner vServer)"
fails "a machine of one's own has none" cloud_of QEMU 'Standard PC'

# The DNS.
is "leads here" ready "$(verdict "203.0.113.7 2001:db8::7" "203.0.113.7")"
is "leads nowhere" missing "$(verdict "203.0.113.7" "")"
is "leads elsewhere" elsewhere "$(verdict "203.0.113.7" "198.51.100.1")"
is "leads elsewhere, too" elsewhere "$(verdict "203.0.113.7" "203.0.113.7 2001:db8::1")"
is "may be the router's" hidden "$(verdict "192.168.1.5 fe80::1" "198.51.100.1")"
is "an own IPv6 address beside a router" ready "$(verdict "192.168.1.5 2001:db8::7" "2001:db8::7")"
for address in 10.1.2.3 172.16.0.1 172.31.9.9 192.168.0.1 100.64.0.1 100.127.1.1 169.254.1.1 fd00::1 fe80::1; do
  holds "private: $address" private "$address"
done
for address in 172.15.0.1 172.32.0.1 100.63.0.1 100.128.0.1 203.0.113.7 2001:db8::1 11.0.0.1; do
  fails "public: $address" private "$address"
done
is "the records that are to be made" "  a.org.  A  203.0.113.7
  a.org.  AAAA  2001:db8::7
  _xmpp-client._tcp.a.org.  SRV  5 0 5222 a.org.
  _xmpps-client._tcp.a.org.  SRV  5 0 5223 a.org.
  _xmpps-client._tcp.a.org.  SRV  10 0 443 a.org." "$(records a.org "203.0.113.7 2001:db8::7 192.168.1.5")"
is "behind a router its address is meant" "  a.org.  A  <the address of your router on the Internet>" \
  "$(records a.org 192.168.1.5 | head -n 1)"
is "the ports to forward are named" 1 "$(advice hidden a.org 192.168.1.5 198.51.100.1 | grep -c '80, 443, 5222 and 5223')"
is "the backoff" "300 600 1200 2400 3600 3600" "$(for n in 1 2 3 4 5 60; do backoff "$n"; done | paste -sd ' ')"
holds "a certificate is due in its last third" due 0 90 60
fails "and not before" due 0 90 59

# Disks.
disks='{"blockdevices": [
  {"name": "sda", "type": "disk", "size": 10737418240, "ro": false, "fstype": null, "pttype": null, "label": null, "mountpoints": [null], "model": "QEMU \u001b[2J DISK"},
  {"name": "sdb", "type": "disk", "size": 10737418240, "ro": false, "fstype": "ext4", "pttype": null, "label": null, "mountpoints": [null], "model": null},
  {"name": "sdc", "type": "disk", "size": 10737418240, "ro": false, "fstype": null, "pttype": "gpt", "label": null, "mountpoints": [null], "model": null},
  {"name": "sdd", "type": "disk", "size": 10737418240, "ro": true, "fstype": null, "pttype": null, "label": null, "mountpoints": [null], "model": null},
  {"name": "sde", "type": "disk", "size": 1000, "ro": false, "fstype": null, "pttype": null, "label": null, "mountpoints": [null], "model": null},
  {"name": "sdf", "type": "disk", "size": 10737418240, "ro": false, "fstype": null, "pttype": null, "label": null, "mountpoints": ["/data"], "model": null},
  {"name": "sdg", "type": "disk", "size": 10737418240, "ro": false, "fstype": null, "pttype": null, "label": null, "mountpoints": [null], "model": null,
   "children": [{"name": "sdg1"}]},
  {"name": "zram0", "type": "disk", "size": 10737418240, "ro": false, "fstype": null, "pttype": null, "label": null, "mountpoints": [null], "model": null},
  {"name": "sr0", "type": "rom", "size": 10737418240, "ro": false, "fstype": null, "pttype": null, "label": null, "mountpoints": [null], "model": null}
]}'
is "only an empty disk is offered" "sda 10 QEMU 2J DISK" "$(empty_disks <<<"$disks")"
holds "one that is offered" offered sda <<<"sda 10 QEMU"
fails "one that is not" offered sd <<<"sda 10 QEMU"
fails "nothing is no disk" offered '' <<<""

# Screens.
is "a disk needs no word" "" "$(storage_screen disk '')"
is "memory does" 1 "$(storage_screen memory '' | grep -c 'everything is LOST')"
is "empty disks are named" 1 "$(storage_screen memory 'sda 10 QEMU DISK' | grep -c '^  sda  10 GiB  QEMU DISK$')"
is "a failure is told" 1 "$(wait_screen a.org ready advice 'no such host' | grep -c '  no such host')"

invitation=$'An account.\n\n  Link    https://a.org/x\n  Revoke  it\n\n\e[38m CODE \e[0m'
is "the code is above the link" $'\e[38m CODE \e[0m\n\n  Link    https://a.org/x' "$(invite_screen a.org "$invitation" | tail -n +4)"

# Each script as program.nix puts it together.
programs() {
  cat <<'END'
medium names cloud-config
cloud names cloud-config
configure names cloud-config
apply
certificate names cloud-config addresses dns
reload
console names addresses disks screens
keys names
format disks
data
END
}
assembled() {
  printf '#!/usr/bin/env bash\nset -o errexit -o nounset -o pipefail\n'
  for file in "${@:2}" "$1"; do
    cat "$scripts/$file.sh"
  done
}
while read -r -a words; do
  holds "${words[0]} parses" bash -n <(assembled "${words[@]}")
  if command -v shellcheck >/dev/null; then
    holds "shellcheck ${words[0]}" shellcheck - < <(assembled "${words[@]}")
  fi
done < <(programs)
command -v shellcheck >/dev/null || echo "shellcheck is not here: skipped"

echo "$passed passed, $failed failed"
[[ $failed == 0 ]]
