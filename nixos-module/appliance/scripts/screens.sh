# What the console says, by how things are. Everything here only writes text.

# storage PLACE EMPTY_DISKS: what becomes of the data, if that needs a word. PLACE is `disk` or `memory`.
storage_screen() {
  [[ $1 == memory ]] || return 0
  echo "ATTENTION: everything is LOST when this machine is switched off. It runs from"
  echo "memory, as there is no disk labelled cloister-data."
  if [[ -n $2 ]]; then
    echo "These disks are empty:"
    while read -r name size model; do
      echo "  $name  $size GiB  $model"
    done <<<"$2"
    echo "To have one of them keep everything, type its name and press Enter. It is formatted,"
    echo "and the machine starts again."
  fi
  echo
}

# ask_screen SERVER: there is no domain.
ask_screen() {
  cat <<END
This server needs to know its domain: the part behind the @ of its people's addresses,
such as example.org or chat.example.org. It must be yours, as you will enter records for
it in the DNS.

A certificate is then asked for at $1.
By entering a domain you agree to the terms of that authority
(Let's Encrypt: https://letsencrypt.org/repository/).

Type the domain and press Enter:
END
}

# wait_screen DOMAIN STATE ADVICE FAILURE: there is a domain, and no certificate.
wait_screen() {
  case $2 in
    missing) echo "The domain is $1. It waits for the DNS." ;;
    asking) echo "The domain is $1. The certificate is being asked for." ;;
    '' | waiting) echo "The domain is $1. The server is starting." ;;
    *) echo "The domain is $1. There is no certificate yet." ;;
  esac
  echo
  if [[ -n $4 ]]; then
    printf 'The authority did not give a certificate:\n  %s\n\n' "$4"
  fi
  [[ -z $3 ]] || printf '%s\n\n' "$3"
  echo "This goes on by itself. Enter tries again now; another domain corrects this one."
}

# invite_screen DOMAIN INVITATION: there is a certificate, and no administrator. INVITATION is what
# `cloister invite create --qr` prints; the code comes first, and the links below it, so that both are seen
# on a screen of 25 lines.
invite_screen() {
  local line code='' links=''
  while IFS= read -r line; do
    case $line in
      *$'\e['*) code+=$line$'\n' ;;
      *' Link '* | *' Client '*) links+=$line$'\n' ;;
    esac
  done <<<"$2"
  cat <<END
$1 is ready. Scan this with the phone whose owner is to be its administrator, or open
the link. It is shown until it is used, and good for one account.

$code
$links
END
}

# status_screen DOMAIN UNTIL RENEWAL ADDRESSES KEYS: everything is done.
status_screen() {
  echo "$1 is served."
  echo
  echo "  Accounts      name@$1, by invitation"
  echo "  Certificate   until $2"
  [[ -z $3 ]] || printf '  ATTENTION     it could not be renewed:\n                %s\n' "$3"
  echo "  Addresses     $4"
  if [[ $5 -gt 0 ]]; then
    echo "  Maintenance   ssh root@$1 (with one of $5 keys), then: cloister --help"
  else
    echo "  Maintenance   none from afar: no key for ssh was given"
  fi
}
