# An authority that is made for the tests, a certificate of the domain by it, and one by another
# authority that nobody knows.
{
  domain,
  openssl,
  runCommand,
}:
runCommand "${domain}-certificates" { nativeBuildInputs = [ openssl ]; } ''
  mkdir "$out" && cd "$out"
  authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 \
      -subj "/CN=$1" -addext basicConstraints=critical,CA:TRUE \
      -addext keyUsage=critical,keyCertSign -keyout "$1.key" -out "$1.pem"
  }
  authority authority
  authority stranger
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=${domain}" \
    -keyout key.pem -out request.pem
  echo "subjectAltName=DNS:${domain}" > names
  openssl x509 -req -in request.pem -CA authority.pem -CAkey authority.key -CAcreateserial \
    -days 36500 -extfile names -out certificate.pem
''
