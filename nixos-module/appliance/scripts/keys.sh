# Root's keys for sshd: those that MEDIUM and CLOUD found now, or else those of the last time.
# They are read again as what they are, text from outside.

umask 022
found=$({ cat "$MEDIUM" "$CLOUD" 2>/dev/null || true; } | text | public_keys | sort -u)
if [[ -n $found && $found != "$(cat "$STATE_DIRECTORY/authorized_keys" 2>/dev/null)" ]]; then
  printf '%s\n' "$found" >"$STATE_DIRECTORY/authorized_keys.new"
  sync "$STATE_DIRECTORY/authorized_keys.new"
  mv "$STATE_DIRECTORY/authorized_keys.new" "$STATE_DIRECTORY/authorized_keys"
  echo "root has $(wc -l <<<"$found") key(s) from the boot medium or the cloud"
fi
