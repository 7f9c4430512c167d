# Data that earlier versions wrote is opened, whole; data that a later one wrote is left alone.
#
# There is no release before the first. `early.tar.xz` was written by the first version with rooms (commit
# ab90b4b): two accounts, four messages from alice to bob, the last still waiting for him, and a room with one.
# `later.tar.xz` was written by this version with the number of its schema raised by one.
{ shared, ... }:
{
  name = "cloister-upgrade";

  nodes.server = {
    imports = [ shared.server ];
    # However old the messages in it are by now.
    services.cloister.retention = "forever";
    environment.etc = {
      "stores/early".source = ./upgrade/early.tar.xz;
      "stores/later".source = ./upgrade/later.tar.xz;
    };
  };
  nodes.client = shared.client;

  testScript = shared.script + ''
    DATA = "/var/lib/private/cloister"

    start_all()
    ready(server)
    client.wait_for_unit("multi-user.target")


    def holds(name):
        """Has the server start with that store."""
        server.succeed(
            "systemctl stop cloister.service cloister.socket",
            f"find {DATA} -mindepth 1 -delete",
            f"tar --extract --xz --file /etc/stores/{name} --directory {DATA}",
            f"chown --recursive --reference {DATA} {DATA}",
            "systemctl reset-failed 'cloister*'",
        )
        return server.execute("systemctl start cloister.socket cloister.service")[0]


    with subtest("a store of an early version opens with everything in it"):
        assert holds("early") == 0
        ready(server)
        assert server.succeed("cloister user list").count(f"@{DOMAIN}") == 2
        assert xmpp(client, "bob", "hear") == "while you were away"
        said = [f"alice: from the old days {number}" for number in range(3)]
        said.append("alice: while you were away")
        assert xmpp(client, "alice", "archive").splitlines() == said
        garden = f"room garden@rooms.{DOMAIN} --hear 1"
        heard = xmpp(client, "bob", garden).splitlines()
        assert heard == ["entered", "alice: the first roses"], heard
        xmpp(client, "bob", f"send alice@{DOMAIN} 'welcome to these days'")
        assert xmpp(client, "alice", "archive").splitlines() == [*said, "bob: welcome to these days"]
        server.succeed("systemctl stop cloister.service")
        server.succeed("cloister store check")

    with subtest("a store of a later version is refused with one clear line"):
        assert holds("later") != 0
        journal = server.succeed("journalctl --no-pager --output cat --unit cloister.service")
        lines = {line for line in journal.splitlines() if "schema" in line}
        # The same one each time that systemd tries again: nothing was made older.
        assert len(lines) == 1, lines
        line = lines.pop()
        print(line)
        assert "the store has schema 2, this version knows schemas up to 1" in line, line

    with subtest("going back to the earlier store, the server is as it was"):
        assert holds("early") == 0
        ready(server)
        assert xmpp(client, "alice", "archive").splitlines() == said
  '';
}
