# Gets the certificate of IDENTITY/domain by HTTP-01 (RFC 8555 §8.3), and renews it in the last third
# of its time. Cloister answers the authority on port 80, from WEBROOT. Runs until the certificate is
# good; what stands in the way is in $RUNTIME_DIRECTORY/{state,advice,failure} for the console.

# How often the DNS is looked at, in seconds: only our own resolver is asked.
readonly LOOK=${LOOK:-10}

# good: whether the authority's certificate for the domain is there and not due.
good() {
  [[ $(cat "$IDENTITY/issued" 2>/dev/null) == "$domain" ]] || return 1
  ! due "$(moment startdate)" "$(moment enddate)" "$EPOCHSECONDS"
}

moment() {
  date +%s --date "$(openssl x509 -in "$IDENTITY/fullchain.pem" -noout "-$1" | cut -d= -f2)"
}

resolved_addresses() {
  { getent ahosts "$domain" || true; } | cut -d' ' -f1 | sort -u | paste -sd ' '
}

# Whether Cloister answers on port 80 as it should: else a try would be wasted.
answers() {
  local probe=$WEBROOT/.well-known/acme-challenge/appliance-probe
  mkdir -p "${probe%/*}"
  echo ready >"$probe"
  [[ $(curl --silent --max-time 5 --noproxy '*' --resolve "$domain:80:127.0.0.1" \
    "http://$domain/.well-known/acme-challenge/appliance-probe") == ready ]]
}

order() {
  lego --accept-tos --path "$LEGO" --server "$SERVER" --email "${EMAIL:-hostmaster@$domain}" --key-type ec256 \
    --domains "$domain" --http --http.webroot "$WEBROOT" run >"$RUNTIME_DIRECTORY/lego.log" 2>&1
}

# The last that lego said is why it gave up.
failure() {
  { grep -E 'error|rror:|[Cc]ould not' "$RUNTIME_DIRECTORY/lego.log" || cat "$RUNTIME_DIRECTORY/lego.log"; } |
    tail -n 1 | sed 's/^[0-9/]* [0-9:]* //' | printable 400
}

# The key first: a server that reads in between refuses the pair and keeps the one that it has.
install_certificate() {
  cp "$LEGO/certificates/$domain.key" "$IDENTITY/key.new"
  cp "$LEGO/certificates/$domain.crt" "$IDENTITY/fullchain.new"
  chmod 640 "$IDENTITY/key.new" "$IDENTITY/fullchain.new"
  sync "$IDENTITY/key.new" "$IDENTITY/fullchain.new"
  mv "$IDENTITY/key.new" "$IDENTITY/key.pem"
  mv "$IDENTITY/fullchain.new" "$IDENTITY/fullchain.pem"
  printf '%s\n' "$domain" >"$IDENTITY/issued"
  touch "$RUNTIME_DIRECTORY/renewed"
}

# tell STATE [ADVICE [FAILURE]]: the state last, as the console looks at it.
tell() {
  printf '%s\n' "${2:-}" >"$RUNTIME_DIRECTORY/advice"
  printf '%s\n' "${3:-}" >"$RUNTIME_DIRECTORY/failure"
  [[ $1 == "$(cat "$RUNTIME_DIRECTORY/state" 2>/dev/null)" ]] || echo "certificate: $1"
  printf '%s\n' "$1" >"$RUNTIME_DIRECTORY/state"
}

# Whether somebody at the console wants it tried now.
wanted() {
  [[ $RETRY -nt $RUNTIME_DIRECTORY/tried ]]
}

umask 027
domain=$(file_domain <"$IDENTITY/domain")
attempt=0 next=0 before='' why=''
while ! good; do
  own=$(own_addresses) resolved=$(resolved_addresses)
  verdict=$(verdict "$own" "$resolved")
  advice=$(advice "$verdict" "$domain" "$own" "$resolved")
  if [[ $verdict != missing ]] && { [[ "$own/$resolved" != "$before" ]] || ((EPOCHSECONDS >= next)) || wanted; }; then
    if ! answers; then
      tell waiting "$advice" "Cloister does not answer on port 80 yet."
    else
      tell asking "$advice"
      touch "$RUNTIME_DIRECTORY/tried"
      before="$own/$resolved" attempt=$((attempt + 1))
      if order; then
        install_certificate
        break
      fi
      why=$(failure)
      next=$((EPOCHSECONDS + $(backoff "$attempt")))
    fi
  fi
  if [[ $verdict == missing ]]; then
    tell missing "$advice"
  elif [[ -n $why ]]; then
    tell "$verdict" "$advice" "$why Tried again at $(date --utc --date "@$next" +%H:%M) UTC at the latest."
  fi
  sleep "$LOOK"
done
rm -f "$WEBROOT/.well-known/acme-challenge/appliance-probe"
tell good
