# own_addresses: this machine's addresses that lead beyond its link, separated by blanks. Temporary
# ones (RFC 8981) are for going out, not for being found.
own_addresses() {
  ip -json address show scope global |
    jq -r '[.[].addr_info[] | select((.temporary // false) | not) | .local // empty] | unique | join(" ")'
}
