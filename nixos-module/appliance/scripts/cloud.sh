# Asks the cloud that this machine runs in for its user data and root's keys (CLOUD: its kind, or
# `detect`). Only link-local addresses are asked, by HTTP as clouds have it; the unit's network ends
# there. Found: $RUNTIME_DIRECTORY/domain and .../keys. Nothing found is no error.

readonly SERVICE=${SERVICE:-http://169.254.169.254}

# ask PATH [HEADER]: the answer, or nothing.
ask() {
  curl --silent --fail --noproxy '*' --proto =http --max-redirs 0 --connect-timeout 2 --max-time 5 \
    --max-filesize "$TEXT_BYTES" ${2:+--header "$2"} "$SERVICE$1" | text || true
}

# Amazon's second version wants a token for every question.
ec2_header() {
  local token
  token=$(curl --silent --fail --noproxy '*' --proto =http --max-redirs 0 --connect-timeout 2 --max-time 5 \
    --max-filesize 1024 --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' \
    "$SERVICE/latest/api/token") || return 0
  [[ $token =~ ^[A-Za-z0-9_=+/-]+$ ]] || return 0
  echo "X-aws-ec2-metadata-token: $token"
}

# Waits until there is some route, for half a minute: not for network-online.target, which holds up a machine
# that is in no cloud.
network() {
  local second
  for ((second = 0; second < 30; second++)); do
    (($(wc -l </proc/net/route) < 2)) || return 0
    sleep 1
  done
}

collect() {
  local header data
  case $1 in
    ec2)
      header=$(ec2_header)
      data=$(ask /latest/user-data "$header")
      ask /latest/meta-data/public-keys/0/openssh-key "$header" | public_keys >>"$RUNTIME_DIRECTORY/keys"
      ;;
    digitalocean)
      data=$(ask /metadata/v1/user-data)
      ask /metadata/v1/public-keys | public_keys >>"$RUNTIME_DIRECTORY/keys"
      ;;
    hetzner)
      data=$(ask /hetzner/v1/userdata)
      ask /hetzner/v1/metadata | cloud_keys >>"$RUNTIME_DIRECTORY/keys"
      ;;
    google)
      data=$(ask /computeMetadata/v1/instance/attributes/user-data "Metadata-Flavor: Google")
      ;;
    *) return 0 ;;
  esac
  cloud_keys <<<"$data" >>"$RUNTIME_DIRECTORY/keys"
  cloud_domain <<<"$data" >"$RUNTIME_DIRECTORY/domain" || rm -f "$RUNTIME_DIRECTORY/domain"
}

umask 022
rm -f "$RUNTIME_DIRECTORY/domain" "$RUNTIME_DIRECTORY/keys"
if [[ $CLOUD == detect ]]; then
  CLOUD=$(cloud_of "$(cat /sys/class/dmi/id/sys_vendor 2>/dev/null)" "$(cat /sys/class/dmi/id/product_name 2>/dev/null)") || exit 0
fi
network
collect "$CLOUD"
