# Mounts the disk labelled cloister-data at PLACE, if there is one within some seconds: controllers
# and sticks take their time. Without one the system goes on in memory, which the console says.

readonly SECONDS_TO_APPEAR=10
readonly DISK=/dev/disk/by-label/cloister-data

for ((second = 0; second < SECONDS_TO_APPEAR; second++)); do
  [[ ! -b $DISK ]] || break
  sleep 1
done
[[ -b $DISK ]] || exit 0
mount -t ext4 -o nosuid,nodev "$DISK" "$PLACE"
