# Whether the name leads here, as far as a machine can know that, and what to change if not.

# private ADDRESS: whether it is of no use outside (RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291).
private() {
  case ${1,,} in
    10.* | 192.168.* | 127.* | 169.254.* | 172.1[6-9].* | 172.2[0-9].* | 172.3[01].*) return 0 ;;
    100.6[4-9].* | 100.[7-9][0-9].* | 100.1[01][0-9].* | 100.12[0-7].*) return 0 ;;
    f[cd]* | fe[89ab]* | ::1) return 0 ;;
    *) return 1 ;;
  esac
}

# public FAMILY ADDRESS...: those of IPv4 (4) or IPv6 (6) that others can reach, one a line.
public() {
  local family=$1 address
  shift
  for address; do
    case $family$address in
      4*:*) ;;
      6*:* | 4*) private "$address" || printf '%s\n' "$address" ;;
    esac
  done
}

# verdict OWN RESOLVED: two lists of addresses, separated by blanks. Prints
#   ready      the name leads here and nowhere else
#   missing    it leads nowhere
#   hidden     it leads to an address that is not ours, and we have none that others can reach: a
#              router may well forward it
#   elsewhere  it leads somewhere else, too
verdict() {
  local address elsewhere=
  [[ -n $2 ]] || { echo missing && return; }
  for address in $2; do
    [[ " $1 " == *" $address "* ]] || elsewhere+=" $address"
  done
  # shellcheck disable=SC2086 # lists
  if [[ -z $elsewhere ]]; then
    echo ready
  elif [[ -z $(public 4 $1) && -z $(public 6 $elsewhere) ]]; then
    echo hidden
  else
    echo elsewhere
  fi
}

# records DOMAIN OWN: what has to be entered at the domain's name service, line by line.
records() {
  local name=$1 v4 v6 address
  # shellcheck disable=SC2086 # a list
  v4=$(public 4 $2) v6=$(public 6 $2)
  [[ -n $v4$v6 ]] || record "$name." A "<the address of your router on the Internet>"
  for address in $v4; do
    record "$name." A "$address"
  done
  for address in $v6; do
    record "$name." AAAA "$address"
  done
  record "_xmpp-client._tcp.$name." SRV "5 0 5222 $name."
  record "_xmpps-client._tcp.$name." SRV "5 0 5223 $name."
  record "_xmpps-client._tcp.$name." SRV "10 0 443 $name."
}

record() {
  printf '  %s  %s  %s\n' "$1" "$2" "$3"
}

# advice VERDICT DOMAIN OWN RESOLVED: what to do about it, in words.
advice() {
  local own
  # shellcheck disable=SC2086 # a list
  own=$(printf '%s\n' $3 | head -n 4 | paste -sd ' ')
  case $1 in
    ready)
      echo "The name $2 leads here. Ports 80, 443, 5222 and 5223 must be open on the way."
      return
      ;;
    missing)
      echo "The DNS has no address for $2 yet. Enter these records where the domain is managed:"
      ;;
    hidden)
      echo "$2 leads to $4. This machine has only addresses behind a router"
      echo "($own) and cannot know whether that one is the router's. If it is, let the router"
      echo "forward TCP ports 80, 443, 5222 and 5223 to it. Otherwise the records are:"
      ;;
    elsewhere)
      echo "$2 leads to $4, and this machine has $own."
      echo "Remove records with addresses that are not its own. The records are:"
      ;;
  esac
  echo
  records "$2" "$3"
  echo
  echo "The certificate needs those with addresses. With SRV, clients find the way everywhere."
}

# backoff ATTEMPT: seconds until the next question to the authority, which allows five failures an
# hour for a name: 5, 10, 20, 40 minutes, then an hour.
backoff() {
  local seconds=300 n
  for ((n = 1; n < $1 && seconds < 3600; n++)); do
    seconds=$((seconds * 2))
  done
  echo $((seconds < 3600 ? seconds : 3600))
}

# due FROM UNTIL NOW: whether a certificate (seconds since 1970) is in the last third of its time.
due() {
  (($3 >= $2 - ($2 - $1) / 3))
}
