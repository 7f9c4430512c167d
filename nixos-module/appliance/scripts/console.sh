# One console: asks for the domain, says what is missing, shows the first administrator's invitation
# and after that how the server is. Its input and output are the terminal; nothing of it is logged.
# What it decides it leaves in files, which other units act upon.

# How long a look at how things are is good for, in seconds: while somebody waits, and when all is done.
readonly LOOK=3
readonly LOOK_LATER=60
readonly COLUMNS_OF_DISKS=NAME,TYPE,SIZE,RO,FSTYPE,PTTYPE,LABEL,MOUNTPOINTS,MODEL

place() {
  if [[ -n $LIVE ]] && ! mountpoint --quiet "$LIVE"; then echo memory; else echo disk; fi
}

disks() {
  [[ $(place) == disk ]] || lsblk --json --bytes --output "$COLUMNS_OF_DISKS" 2>/dev/null | empty_disks || true
}

# line FILE: its first line, bounded, or nothing.
line() {
  { head -n 1 "$1" 2>/dev/null || true; } | printable 500
}

running() {
  [[ -S $ADMIN_SOCKET ]]
}

# Whether an account is an administrator's. Not to know is not to have.
has_admin() {
  running && cloister --config "$CONFIG" user list --json 2>/dev/null |
    jq --exit-status 'any(.[]; .admin and (.disabled | not))' >/dev/null
}

# Whether the invitation that is kept can still be redeemed. Its link is nobody's argument.
still_open() {
  [[ -s $INVITATION ]] || return 1
  local link
  link=$(sed -n 's/^ *Link  *//p' "$INVITATION")
  cloister --config "$CONFIG" invite list --json 2>/dev/null |
    LINK=$link jq --exit-status 'any(.[]; .link == env.LINK and .state == "open")' >/dev/null
}

# The invitation, made if there is none: one for all consoles, and the same after a restart.
invitation() {
  exec 9>"$RUNTIME_DIRECTORY/lock"
  flock 9
  if ! still_open; then
    cloister --config "$CONFIG" invite create --admin --qr >"$INVITATION.new" 2>/dev/null || { exec 9>&- && return 1; }
    sync "$INVITATION.new"
    mv "$INVITATION.new" "$INVITATION"
  fi
  exec 9>&-
  cat "$INVITATION"
}

# Somebody is the administrator: an invitation that was not needed for that is not left open.
withdraw() {
  [[ -e $INVITATION ]] || return 0
  local id
  if still_open; then
    id=$(sed -n 's/^ *Revoke .* //p' "$INVITATION")
    cloister --config "$CONFIG" invite revoke "$id" >/dev/null 2>&1 || return 0
  fi
  rm -f "$INVITATION"
}

# How things are decides which screen it is; sets `mode` and `screen`.
look() {
  local domain issued until text
  domain=$(line "$IDENTITY/domain") issued=$(line "$IDENTITY/issued")
  if [[ -z $domain ]]; then
    mode='ask'
    screen=$(storage_screen "$(place)" "$(disks)" && ask_screen "$AUTHORITY")
  elif [[ $domain != "$issued" ]]; then
    mode='wait'
    screen=$(storage_screen "$(place)" "$(disks)" &&
      wait_screen "$domain" "$(line "$CERTIFICATE/state")" "$(head -c 4000 "$CERTIFICATE/advice" 2>/dev/null || true)" \
        "$(line "$CERTIFICATE/failure")")
  elif ! running; then
    mode='start'
    screen="$domain: the server is starting."
  elif has_admin; then
    mode='status'
    withdraw
    until=$(openssl x509 -in "$IDENTITY/fullchain.pem" -noout -enddate 2>/dev/null | cut -d= -f2 || true)
    screen=$(storage_screen "$(place)" '' &&
      status_screen "$domain" "$until" "$(line "$CERTIFICATE/failure")" "$(own_addresses)" "$(wc -l 2>/dev/null <"$KEYS_FILE" || echo 0)")
  elif text=$(invitation); then
    mode='invite'
    screen=$(storage_screen "$(place)" '' && invite_screen "$domain" "$text")
  fi
}

# The screen from its top, with nothing left above it: an invitation does not stay in the scrollback.
show() {
  printf '\033[3J\033[2J\033[H\n  Cloister\n\n%s\n\n' "$screen"
}

# answer TEXT: what was typed. Returns what to say about it.
answer() {
  local name
  if [[ $mode != ask && $mode != wait ]]; then
    return 0
  elif [[ -z $1 ]]; then
    [[ $mode == ask ]] || touch "$RUNTIME_DIRECTORY/retry"
  elif disks | offered "$1"; then
    printf '%s\n' "$1" >"$RUNTIME_DIRECTORY/format.new"
    mv "$RUNTIME_DIRECTORY/format.new" "$RUNTIME_DIRECTORY/format"
    echo "The disk $1 is formatted, then the machine starts again."
  elif name=$(domain "$1"); then
    printf '%s\n' "$name" >"$STATE_DIRECTORY/domain.new"
    chmod 644 "$STATE_DIRECTORY/domain.new"
    sync "$STATE_DIRECTORY/domain.new"
    mv "$STATE_DIRECTORY/domain.new" "$STATE_DIRECTORY/domain"
    echo "The domain is $name."
  else
    echo "That is not the name of a domain. Write it as in chat.example.org; names in other scripts begin with xn--."
  fi
}

umask 077
readonly INVITATION=$STATE_DIRECTORY/invitation
mode='' screen='' shown=''
while true; do
  look
  if [[ $screen != "$shown" ]]; then
    show
    shown=$screen
  fi
  status=0 pause=$LOOK
  [[ $mode != status ]] || pause=$LOOK_LATER
  IFS= read -r -t "$pause" typed || status=$?
  if ((status == 0)); then
    answer "$(printf '%s' "$typed" | printable 300)"
  elif ((status <= 128)); then
    # The terminal has no input, or hung up.
    sleep "$pause"
  fi
done
