# Runs after configure.sh, as root: has the units begin that wait for a domain.

[[ -s $CONFIG ]] || exit 0
if [[ -e $RUNTIME_DIRECTORY/changed ]]; then
  rm "$RUNTIME_DIRECTORY/changed"
  verb=restart
else
  verb=start
fi
systemctl --no-block start cloister.socket
systemctl --no-block "$verb" cloister.service cloister-appliance-certificate.service
