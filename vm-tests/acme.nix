# A certificate from an authority, by the server's own answers on port 80; and the next one, which
# reaches new connections and disturbs none that are there.
{ shared, nixpkgs, ... }:
let
  inherit (shared) domain;
in
{
  name = "cloister-acme";

  nodes.acme =
    { nodes, ... }:
    let
      address = nodes.server.networking.primaryIPAddress;
    in
    {
      imports = [ "${nixpkgs}/nixos/tests/common/acme/server" ];
      # The authority reaches whom it validates by this file, or by a name server made of it.
      networking.extraHosts = "${address} ${domain}";
    };

  nodes.server =
    { lib, nodes, ... }:
    {
      imports = [
        shared.server
        "${nixpkgs}/nixos/tests/common/acme/client"
      ];
      services.cloister = {
        acme.email = "hostmaster@${domain}";
        hosts.${domain} = {
          certificate = lib.mkForce null;
          keyFile = lib.mkForce null;
        };
      };
      networking.hosts.${nodes.acme.networking.primaryIPAddress} = [ nodes.acme.test-support.acme.caDomain ];
    };

  nodes.client = shared.client;

  testScript = shared.script + ''
    ISSUED = f"/var/lib/acme/{DOMAIN}/acme-success"
    ORDER = f"acme-order-renew-{DOMAIN}.service"
    TRUST = "--ca /tmp/root.pem"

    acme.start()
    acme.wait_for_unit("pebble.service")
    acme.wait_for_open_port(15000)
    server.start()
    client.start()
    ready(server)
    client.wait_for_unit("multi-user.target")
    account(server, "alice", "bob")

    # The authority's root is new at every start; it is told at its management port.
    root = acme.succeed("curl --silent --show-error --insecure https://localhost:15000/roots/0")
    assert "BEGIN CERTIFICATE" in root, root
    client.succeed(f"printf '%s' '{root}' > /tmp/root.pem")


    def serial():
        """That of the certificate that a new connection gets, if the client trusts it."""
        return client.succeed(
            f"openssl s_client -connect {DOMAIN}:5223 -servername {DOMAIN} -verify_return_error "
            f"-verify_hostname {DOMAIN} -CAfile /tmp/root.pem </dev/null 2>/dev/null "
            "| openssl x509 -noout -serial"
        ).strip()


    with subtest("the server answers the authority on port 80 and gets a certificate"):
        server.wait_for_file(ISSUED)
        client.wait_until_succeeds(f"xmpp {TRUST} alice login")
        first = serial()
        assert first.startswith("serial="), first

    with subtest("whatever else is asked on port 80 is led to HTTPS"):
        answer = client.succeed(f"curl --silent --head http://{DOMAIN}/invite/x")
        assert answer.startswith("HTTP/1.1 308"), answer
        assert f"location: https://{DOMAIN}/invite/x" in answer.lower(), answer
        lost = client.succeed(f"curl --silent --head http://{DOMAIN}/.well-known/acme-challenge/none")
        assert lost.startswith("HTTP/1.1 404"), lost

    with subtest("the key is for the server alone"):
        server.succeed(f"test -e /var/lib/acme/{DOMAIN}/key.pem")
        server.fail(
            "setpriv --reuid 65534 --regid 65534 --clear-groups -- "
            f"cat /var/lib/acme/{DOMAIN}/key.pem"
        )

    with subtest("a new certificate reaches new connections while a client stays connected"):
        stays(client, "bob", trust=TRUST)
        pid = server.succeed("systemctl show cloister.service --property MainPID --value")
        # As if it were time: without what was there before, another one is ordered.
        server.succeed(f"find /var/lib/acme/.lego/{DOMAIN} -mindepth 1 -delete")
        server.succeed(f"systemctl start {ORDER}")
        client.wait_until_succeeds(
            f"openssl s_client -connect {DOMAIN}:5223 -servername {DOMAIN} </dev/null 2>/dev/null "
            f"| openssl x509 -noout -serial | grep -vqxF '{first}'"
        )
        assert serial() != first
        xmpp(client, "alice", f"send bob@{DOMAIN} 'still there?'", TRUST)
        sees(client, "bob", "alice: still there?")
        assert seen(client, "bob") == ["here", "alice: still there?"], seen(client, "bob")
        assert server.succeed("systemctl show cloister.service --property MainPID --value") == pid
  '';
}
