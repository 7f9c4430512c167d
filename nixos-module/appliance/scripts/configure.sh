# Decides which domain this server is for, and writes its configuration: CONFIG, from TEMPLATE, in which
# PLACEHOLDER stands for the domain. Until there is a certificate it makes one that only lets Cloister start.
# IDENTITY/domain is the domain, IDENTITY/issued the one that an authority has certified.

# kept FILE: the domain in a file of ours, or nothing.
kept() {
  { [[ ! -r $1 ]] || file_domain <"$1"; } 2>/dev/null || true
}

# decided ISSUED ANSWER MEDIUM CLOUD BEFORE: the domain. Once it is certified, people have addresses
# there and it stays. Before, what was typed corrects what was found.
decided() {
  local one
  for one; do
    [[ -z $one ]] || { printf '%s\n' "$one" && return; }
  done
}

replace() {
  cat >"$1.new"
  mv "$1.new" "$1"
}

# A certificate that no client accepts: only the server can begin with it.
placeholder() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=placeholder \
    -addext "subjectAltName=DNS:$1" -keyout "$IDENTITY/key.new" -out "$IDENTITY/fullchain.new" 2>/dev/null
  chmod 640 "$IDENTITY/key.new"
  mv "$IDENTITY/key.new" "$IDENTITY/key.pem"
  mv "$IDENTITY/fullchain.new" "$IDENTITY/fullchain.pem"
}

umask 027
issued=$(kept "$IDENTITY/issued") before=$(kept "$IDENTITY/domain")
domain=$(decided "$issued" "$(kept "$ANSWER")" "$(kept "$MEDIUM")" "$(kept "$CLOUD")" "$before")
if [[ -z $domain ]]; then
  echo "no domain yet: it is asked for on the console"
  exit 0
fi
[[ $domain == "$before" ]] || rm -f "$IDENTITY/fullchain.pem"
printf '%s\n' "$domain" | replace "$IDENTITY/domain"
[[ -s $IDENTITY/fullchain.pem && -s $IDENTITY/key.pem ]] || placeholder "$domain"

umask 022
configuration=$(<"$TEMPLATE")
printf '%s\n' "${configuration//"$PLACEHOLDER"/$domain}" | replace "$CONFIG"
cloister check-config "$CONFIG"
if [[ $domain != "$before" ]]; then
  touch "$RUNTIME_DIRECTORY/changed"
fi
