# A room: made by one person, entered by another, closed to everybody else, and still there when the
# server comes back.
{ shared, ... }:
{
  name = "cloister-muc";

  nodes.server = shared.server;
  nodes.client = shared.client;

  testScript = shared.script + ''
    start_all()
    ready(server)
    client.wait_for_unit("multi-user.target")
    account(server, "alice", "bob", "carol")
    garden = f"garden@rooms.{DOMAIN}"

    with subtest("alice makes a room and takes bob in; both read what is said"):
        xmpp(client, "alice", f"room {garden} --member bob --say 'the roses are out'")
        heard = xmpp(client, "bob", f"room {garden} --hear 1 --say 'so I see'").splitlines()
        assert heard == ["entered", "alice: the roses are out"], heard
        heard = xmpp(client, "alice", f"room {garden} --hear 2").splitlines()
        assert heard == ["entered", "alice: the roses are out", "bob: so I see"], heard

    with subtest("who is in it hears at once"):
        client.succeed(
            "systemd-run --unit=bob --property=StandardOutput=file:/tmp/bob "
            "--property=StandardError=journal "
            f'"$(command -v xmpp)" bob room {garden} --hear 3'
        )
        client.wait_until_succeeds("grep -q '^entered' /tmp/bob")
        xmpp(client, "alice", f"room {garden} --say 'come and see'")
        sees(client, "bob", "alice: come and see")

    with subtest("carol is not let in and reads nothing"):
        assert refused(client, "carol", f"room {garden}") == "registration-required"
        assert xmpp(client, "carol", f"archive --room {garden}") == ""

    with subtest("the room is the same after a restart and after a crash"):
        said = ["alice: the roses are out", "bob: so I see", "alice: come and see"]
        server.succeed("systemctl restart cloister.service")
        ready(server)
        assert xmpp(client, "bob", f"archive --room {garden}").splitlines() == said
        server.crash()
        server.start()
        ready(server)
        client.wait_until_succeeds(f"nc -z {DOMAIN} 5222")
        assert xmpp(client, "alice", f"archive --room {garden}").splitlines() == said
        heard = xmpp(client, "bob", f"room {garden} --hear 3").splitlines()
        assert heard == ["entered", *said], heard
        assert refused(client, "carol", f"room {garden}") == "registration-required"
        members = server.succeed(f"cloister room members list {garden}")
        assert f"alice@{DOMAIN}" in members and f"bob@{DOMAIN}" in members, members
        assert "carol" not in members, members
  '';
}
