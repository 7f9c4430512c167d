# A copy of everything is made while people are connected, and brings everything back.
{ shared, ... }:
{
  name = "cloister-backup";

  nodes.server =
    { pkgs, ... }:
    {
      imports = [ shared.server ];
      services.cloister.backup = {
        enable = true;
        keep = 2;
      };
      environment.systemPackages = [
        pkgs.gnutar
        pkgs.gzip
      ];
    };
  nodes.client = shared.client;

  testScript = shared.script + ''
    start_all()
    ready(server)
    client.wait_for_unit("multi-user.target")
    account(server, "alice", "bob")
    COPIES = "find /var/backup/cloister -name 'cloister-*.tar.gz' | sort"


    def history(name):
        client.wait_until_succeeds(f"nc -z {DOMAIN} 5222")
        return xmpp(client, name, "archive").splitlines()


    with subtest("who is connected while the copy is made goes on"):
        xmpp(client, "alice", f"send bob@{DOMAIN} 'before the copy'")
        stays(client, "bob")
        server.succeed("systemctl start cloister-backup.service")
        sees(client, "bob", "resumed")
        xmpp(client, "alice", f"send bob@{DOMAIN} 'after the copy'")
        sees(client, "bob", "alice: after the copy")
        assert "a new session" not in seen(client, "bob")
        leaves(client, "bob")
        copy = server.succeed(COPIES).strip()
        assert copy.count("\n") == 0, copy

    with subtest("nobody else reads the copy"):
        refusal = server.fail(f"setpriv --reuid 65534 --regid 65534 --clear-groups -- cat {copy} 2>&1")
        assert "Permission denied" in refusal, refusal

    with subtest("a server that lost its data has them again"):
        server.succeed("systemctl stop cloister.socket cloister.service")
        server.succeed("rm -r /var/lib/private/cloister")
        server.succeed("install --directory --mode=700 /var/lib/private/cloister")
        server.succeed(f"tar --extract --file {copy} --directory /var/lib/private/cloister")
        server.succeed("systemctl start cloister.socket cloister.service")
        ready(server)
        for name in ["alice", "bob"]:
            assert history(name) == ["alice: before the copy"], name

    with subtest("old copies make room for new ones"):
        for _ in range(2):
            server.succeed("sleep 1; systemctl start cloister-backup.service")
        kept = server.succeed(COPIES).split()
        assert len(kept) == 2 and copy not in kept, kept
  '';
}
