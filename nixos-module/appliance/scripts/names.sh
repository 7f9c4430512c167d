# What may come from a file, a cloud or a keyboard: names of domains, and public keys. Everything
# here reads text and writes text, and trusts neither.

# Letters are those of ASCII, whatever the system speaks.
export LC_ALL=C

# As much of a file or an answer as is looked at, and as many keys as are taken from it.
readonly TEXT_BYTES=65536
readonly KEYS=32

# text: what is read, bounded, without the bytes that a shell cannot hold.
text() {
  head -c "$TEXT_BYTES" | tr -d '\000\r'
}

# domain NAME: prints the name as it is used, or fails if it is none that an authority certifies.
# RFC 1123 §2.1: labels of letters, digits and hyphens. A name in another script is written with
# xn--, and a dotted address is no name.
domain() {
  local name=${1,,} label
  local -a labels
  name=${name%.}
  [[ $name =~ ^[a-z0-9.-]+$ && ${#name} -le 253 && $name == *.* ]] || return 1
  [[ $name != *..* && $name != .* && $name != *. ]] || return 1
  IFS=. read -ra labels <<<"$name"
  for label in "${labels[@]}"; do
    [[ ${#label} -le 63 && $label != -* && $label != *- ]] || return 1
  done
  [[ ${labels[-1]} == *[a-z]* ]] || return 1
  printf '%s\n' "$name"
}

# public_keys: of the lines read, those that are a plain public key. One with options in front of
# it (a command, an environment) is none.
public_keys() {
  local line count=0
  local kind='(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)'
  while IFS= read -r line && ((count < KEYS)); do
    # The length is no part of the expression: a bound such as {40,8000} is compiled into megabytes.
    [[ ${#line} -ge 60 && ${#line} -le 8192 ]] || continue
    [[ $line =~ ^$kind\ [A-Za-z0-9+/]+={0,2}(\ [A-Za-z0-9@._:+/ -]*)?$ ]] || continue
    printf '%s\n' "$line"
    count=$((count + 1))
  done
}

# printable LIMIT: what is read, in one line that no terminal can be led astray with.
printable() {
  local read
  read=$(head -c "$1" | tr '\n\t\000' '   ' | tr -cd '\040-\176')
  printf '%s' "${read%"${read##*[! ]}"}"
}
