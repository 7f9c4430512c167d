# Disks that hold nothing.

# As much as a server's data can be trusted to fit in for a while.
readonly DISK_BYTES=1073741824

# empty_disks: of what `lsblk --json --bytes --output NAME,TYPE,SIZE,RO,FSTYPE,PTTYPE,LABEL,MOUNTPOINTS,MODEL`
# prints, the disks that nothing was ever written to: name, GiB and model, one a line.
empty_disks() {
  jq -r --argjson least "$DISK_BYTES" '
    .blockdevices[]
    | select(.type == "disk" and .ro == false and .size >= $least)
    | select(.fstype == null and .pttype == null and .label == null)
    | select((.children // []) == [] and ((.mountpoints // []) | all(. == null)))
    | select(.name | test("^(sd|vd|xvd|nvme|mmcblk)[a-z0-9]+$"))
    | "\(.name) \(.size / 1073741824 | floor) \(.model // "" | gsub("[^A-Za-z0-9 ._-]"; ""))"'
}

# offered NAME: whether the list that is read has the disk of that name.
offered() {
  local name rest
  while read -r name rest; do
    [[ -z $name || $name != "$1" ]] || return 0
  done
  return 1
}
