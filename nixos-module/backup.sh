# Copies $DATA to a new archive in $DIRECTORY, and keeps the newest $KEEP of them.
name=cloister-$(date --utc +%Y-%m-%dT%H%M%SZ)
copy=$DIRECTORY/.$name

rm -rf "$DIRECTORY"/.cloister-*
mkdir "$copy"
systemctl stop cloister.socket cloister.service
find "$DATA" -mindepth 1 -maxdepth 1 ! -name uploads \
  -exec cp --archive --reflink=auto --target-directory="$copy" {} +
systemctl start cloister.socket cloister.service

# Files that people uploaded never change, so they are read while the server runs. One that expires
# meanwhile is not in the archive: tar says so with status 1.
set -- --directory "$copy" .
if [ -d "$DATA/uploads" ]; then
  set -- "$@" --directory "$DATA" uploads
fi
tar --create --gzip --file "$copy.tar.gz" --numeric-owner --sort=name --warning=no-file-removed "$@" ||
  [ $? -eq 1 ]
sync "$copy.tar.gz"
mv "$copy.tar.gz" "$DIRECTORY/$name.tar.gz"
rm -rf "$copy"
find "$DIRECTORY" -maxdepth 1 -name 'cloister-*.tar.gz' | sort --reverse | tail --lines "+$((KEEP + 1))" |
  while read -r old; do rm "$old"; done
