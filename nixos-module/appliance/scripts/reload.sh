# Runs after certificate.sh, as root: has Cloister take the new certificate, with nobody dropped.

[[ -e $RUNTIME_DIRECTORY/renewed ]] || exit 0
rm "$RUNTIME_DIRECTORY/renewed"
systemctl --no-block try-reload-or-restart cloister.service
