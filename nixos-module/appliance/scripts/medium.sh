# Takes the domain and root's keys from what this machine booted from: FOLDERS that are mounted
# anyway, and disks with one of LABELS, which are looked at read-only and in a namespace of their own.
# Found: $RUNTIME_DIRECTORY/domain and .../keys. Nothing found is no error.

take() {
  local from=$1 found=
  if [[ ! -s $RUNTIME_DIRECTORY/domain ]]; then
    found=$(content "$from/cloister-domain" | file_domain) ||
      found=$(content "$from/cloister.toml" | toml_domain) ||
      found=$(content "$from/user-data" | cloud_domain) ||
      found=
    [[ -z $found ]] || printf '%s\n' "$found" >"$RUNTIME_DIRECTORY/domain"
  fi
  {
    content "$from/authorized_keys" | public_keys
    content "$from/user-data" | cloud_keys
    content "$from/meta-data" | cloud_keys
  } >>"$RUNTIME_DIRECTORY/keys"
}

# A name on a stranger's disk could be a link to a file of ours.
content() {
  [[ -f $1 && ! -L $1 ]] || return 0
  text <"$1"
}

# Only file systems that such media have, and nothing of them is ever run.
from_disk() {
  local device=$1 label=$2 kind
  kind=$(blkid -p -s TYPE -o value "$device") || return 0
  case $kind in
    iso9660 | vfat | ext4) ;;
    *) return 0 ;;
  esac
  mkdir -p "$RUNTIME_DIRECTORY/mounted"
  mount -t "$kind" -o ro,nosuid,nodev,noexec "$device" "$RUNTIME_DIRECTORY/mounted" || return 0
  echo "looking at the disk labelled $label"
  take "$RUNTIME_DIRECTORY/mounted"
  umount "$RUNTIME_DIRECTORY/mounted"
}

umask 022
rm -f "$RUNTIME_DIRECTORY/domain" "$RUNTIME_DIRECTORY/keys"
for folder in $FOLDERS; do
  take "$folder"
done
# shellcheck disable=SC2153 # not the one above
for label in $LABELS; do
  device=$(blkid -c /dev/null -l -t "LABEL=$label" -o device) || continue
  from_disk "$device" "$label"
done
