# Two people encrypt end to end with a library that was not made for this server, and the server's
# disk holds nothing of what they said.
{ shared, ... }:
{
  name = "cloister-omemo";

  nodes.server = {
    imports = [ shared.server ];
    # Refuses what is not encrypted, and says so.
    services.cloister.hosts.${shared.domain}.encryption = "require";
  };
  nodes.client = {
    imports = [ shared.client ];
    virtualisation.memorySize = 2048;
  };

  testScript = shared.script + ''
    start_all()
    # Absent in guests of another distribution unless it was added: see lib/client.nix.
    print("slixmpp-omemo", client.succeed("sealed version"))
    ready(server)
    client.wait_for_unit("multi-user.target")
    account(server, "alice", "bob")

    with subtest("what is not encrypted is refused"):
        xmpp(client, "bob", "login")
        xmpp(client, "alice", f"send bob@{DOMAIN} 'said in clear'")
        assert "said in clear" not in xmpp(client, "bob", "archive")

    with subtest("bob reads what alice encrypts, and alice what bob does"):
        client.succeed(
            "systemd-run --unit=bob --property=StandardOutput=file:/tmp/bob "
            "--property=StandardError=journal "
            '"$(command -v sealed)" bob answer'
        )
        client.wait_until_succeeds("grep -q '^here' /tmp/bob")
        answer = client.succeed(f"sealed alice say bob@{DOMAIN} 'between you and me'").strip()
        assert answer == "bob: I heard: between you and me", answer
        sees(client, "bob", "alice: between you and me")

    with subtest("nothing of it is on the server's disk"):
        server.succeed("systemctl stop cloister.service")
        server.succeed("grep -rqF 'eu.siacs.conversations.axolotl' /var/lib/private/cloister")
        server.fail("grep -rqF 'between you and me' /var/lib/private/cloister")
  '';
}
