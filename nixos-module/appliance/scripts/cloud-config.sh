# The few lines that are understood of what clouds and boot media carry: of YAML only what is shown
# in the comments. Nothing else of it is looked at, and nothing is ever run.

# scalar TEXT: a value without its comment, quotes and blanks.
scalar() {
  local value=$1
  value=${value%%[[:space:]]#*}
  value=${value#"${value%%[![:space:]]*}"}
  value=${value%"${value##*[![:space:]]}"}
  case $value in
    \"*\") value=${value#\"} value=${value%\"} ;;
    \'*\') value=${value#\'} value=${value%\'} ;;
  esac
  printf '%s\n' "$value"
}

# cloud_domain: the domain in user data, which says one of
#   cloister:                    cloister: { domain: example.org }
#     domain: example.org        domain=example.org
cloud_domain() {
  local line inside=
  while IFS= read -r line; do
    if [[ $line =~ ^domain=(.*)$ || $line =~ ^cloister:[[:space:]]*\{[[:space:]]*domain:[[:space:]]*([^,}]+) ]]; then
      domain "$(scalar "${BASH_REMATCH[1]}")"
      return
    elif [[ $line =~ ^cloister:[[:space:]]*(#.*)?$ ]]; then
      inside=yes
    elif [[ -n $inside && $line =~ ^[[:space:]]+domain:[[:space:]](.*)$ ]]; then
      domain "$(scalar "${BASH_REMATCH[1]}")"
      return
    elif [[ $line =~ ^[^[:space:]#] ]]; then
      inside=
    fi
  done
  return 1
}

# cloud_keys: the keys for root, which are listed at the top level:
#   ssh_authorized_keys:         public-keys:
#     - ssh-ed25519 AAAA...        - ssh-ed25519 AAAA...
# Those below `users:` are other people's.
cloud_keys() {
  local line inside=
  while IFS= read -r line; do
    if [[ $line =~ ^(ssh_authorized_keys|public-keys):(.*)$ ]]; then
      inside=yes
      scalar "${BASH_REMATCH[2]}"
    elif [[ -n $inside && $line =~ ^[[:space:]]*-[[:space:]]+(.*)$ ]]; then
      scalar "${BASH_REMATCH[1]}"
    elif [[ $line =~ ^[^[:space:]#] ]]; then
      inside=
    fi
  done | public_keys
}

# file_domain: the domain in a file of its own: the first line that is no comment.
file_domain() {
  local line
  while IFS= read -r line; do
    line=$(scalar "${line%%#*}")
    [[ -n $line ]] || continue
    domain "$(scalar "${line#domain=}")"
    return
  done
  return 1
}

# toml_domain: the first `domain = "example.org"` of a configuration. The rest of it is the image's.
toml_domain() {
  local line
  while IFS= read -r line; do
    [[ $line =~ ^[[:space:]]*domain[[:space:]]*=[[:space:]]*[\"\']([^\"\']*)[\"\'] ]] || continue
    domain "${BASH_REMATCH[1]}"
    return
  done
  return 1
}

# cloud_of VENDOR PRODUCT: how the cloud that made this machine is asked, by what its firmware says.
# On a network of one's own anybody could answer at a link-local address, so nobody is asked there.
cloud_of() {
  case "$1/$2" in
    "Amazon EC2"/* | OpenStack*/* | */OpenStack* | Vultr/* | Exoscale/*) echo ec2 ;;
    DigitalOcean/*) echo digitalocean ;;
    Hetzner/*) echo hetzner ;;
    Google/*) echo google ;;
    *) return 1 ;;
  esac
}
