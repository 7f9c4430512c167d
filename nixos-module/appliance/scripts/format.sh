# Makes the disk that the console was told (REQUEST: its name) the one that keeps everything, from the next
# start on, if nothing was ever written to it.

name=$(head -c 32 "$REQUEST" | tr -cd 'a-z0-9')
rm -f "$REQUEST"
columns=NAME,TYPE,SIZE,RO,FSTYPE,PTTYPE,LABEL,MOUNTPOINTS,MODEL
if ! lsblk --json --bytes --output "$columns" | empty_disks | offered "$name"; then
  echo "not an empty disk: $name" >&2
  exit 1
fi
# The kernel's own look, without what udev remembers: 2 is "nothing found".
status=0
blkid -p "/dev/$name" >/dev/null || status=$?
if ((status != 2)); then
  echo "there is something on $name" >&2
  exit 1
fi
mkfs.ext4 -q -L cloister-data "/dev/$name"
sync
