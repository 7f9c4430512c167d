# History is kept over reconnects, reboots and crashes, for as long as it was said and no longer.
{ shared, ... }:
{
  name = "cloister-mam";

  nodes.server = {
    imports = [ shared.server ];
    services.cloister.retention = "20d";
  };
  nodes.client = shared.client;

  testScript = shared.script + ''
    start_all()
    ready(server)
    client.wait_for_unit("multi-user.target")
    account(server, "alice", "bob")

    said: list[str] = []


    def tells(text):
        xmpp(client, "alice", f"send bob@{DOMAIN} '{text}'")
        said.append(f"alice: {text}")


    def history(name):
        client.wait_until_succeeds(f"nc -z {DOMAIN} 5222")
        return xmpp(client, name, "archive").splitlines()


    with subtest("what was said while somebody was away is there when they come"):
        for text in ["one", "two", "three"]:
            tells(text)
        assert xmpp(client, "bob", "hear --count 3").splitlines() == ["one", "two", "three"]
        assert history("bob") == said, said
        assert history("alice") == said, said

    with subtest("history is kept over a reboot"):
        server.shutdown()
        server.start()
        ready(server)
        assert history("bob") == said, said

    with subtest("what the server took is kept when the machine crashes at once after that"):
        tells("and then the power failed")
        server.crash()
        server.start()
        ready(server)
        client.wait_until_succeeds(f"nc -z {DOMAIN} 5222")
        heard = xmpp(client, "bob", "hear")
        assert heard == "and then the power failed", heard
        assert history("bob") == said, said
        assert history("alice") == said, said

    with subtest("what is over is gone, from the archive and from the disk"):
        server.succeed("systemctl stop cloister.service cloister.socket")
        assert server.succeed("grep -rlF 'the power failed' /var/lib/private/cloister || true")
        server.succeed("date -s '+120 days'")
        client.succeed("date -s '+120 days'")
        server.succeed("systemctl start cloister.socket cloister.service")
        ready(server)
        server.succeed("cloister archive expire")
        assert history("bob") == []
        assert history("alice") == []
        server.succeed("systemctl stop cloister.service")
        server.fail("grep -rlF 'the power failed' /var/lib/private/cloister")
        server.succeed("systemctl start cloister.service")
        ready(server)

    with subtest("what is said from now on is kept"):
        said.clear()
        tells("a new beginning")
        assert history("bob") == said, said
  '';
}
