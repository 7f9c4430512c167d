# From the first boot to the first message: the appliance is told its domain by a file, says which
# record is missing, gets its certificate from a real authority, and shows an invitation that makes the
# first account.
{
  self,
  nixpkgs,
  pkgs,
  shared,
}:
let
  serial = import ../nixos-module/appliance/serial.nix { inherit pkgs; };
in
{
  name = "appliance";

  nodes.acme = {
    imports = [ "${nixpkgs}/nixos/tests/common/acme/server" ];
    # The authority has no name server to ask.
    networking.hosts."192.168.1.3" = [ shared.domain ];
  };

  nodes.client =
    { pkgs, ... }:
    {
      imports = [ shared.client ];
      environment.systemPackages = [
        (pkgs.writeShellScriptBin "redeem" ''
          export XMPP_DOMAIN=${shared.domain}
          exec ${pkgs.python3}/bin/python3 ${./lib/redeem.py} "$@"
        '')
      ];
    };

  nodes.server =
    {
      lib,
      nodes,
      pkgs,
      ...
    }:
    {
      imports = [
        self.nixosModules.default
        ../nixos-module/appliance
      ];
      services.cloister-appliance = {
        consoles = [ serial ];
        acme.server = "https://acme.test/dir";
      };
      # The console is what the test reads, and the driver's own shell writes there, too.
      boot.consoleLogLevel = lib.mkForce 3;
      systemd.services."cloister-appliance-console-${serial}".serviceConfig.TTYVHangup = lib.mkForce false;
      networking.hosts.${nodes.acme.networking.primaryIPAddress} = [ "acme.test" ];
      security.pki.certificateFiles = [ nodes.acme.test-support.acme.caCert ];
      environment.systemPackages = [
        pkgs.jq
        pkgs.openssl
      ];
      virtualisation.memorySize = 1024;
    };

  testScript = shared.script + ''
    import re

    TRUST = "--ca /tmp/root.pem"
    INVITATION = rf"https://{DOMAIN}/\S+"


    def shown(pattern):
        """What the console has shown, each once, in order."""
        return list(dict.fromkeys(re.findall(pattern, server.get_console_log())))


    def record():
        """Enters the record: a name server would have it; here the file of hosts has, until a reboot."""
        server.succeed(
            "cp --remove-destination $(readlink -f /etc/hosts) /etc/hosts",
            f"echo 192.168.1.3 {DOMAIN} >> /etc/hosts",
        )


    acme.start()
    server.start(allow_reboot=True)

    with subtest("it asks for the domain, and serves nobody"):
        server.wait_for_console_text("Type the domain and press Enter")
        server.wait_for_unit("multi-user.target")
        server.fail("systemctl is-active cloister.service cloister.socket")
        for port in (22, 80, 443, 5222, 5223):
            server.wait_for_closed_port(port)

    with subtest("a file on the boot medium names the domain and root's keys"):
        key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2Xk0s7rA2mB3Ck4dEl5Fm6Gn7Ho8Ip9Jq0Kr1L test"
        server.succeed(
            f"mkdir -p /boot && echo {DOMAIN} > /boot/cloister-domain",
            f"echo '{key}' > /boot/authorized_keys",
            f"echo 'command=\"id\" {key}' >> /boot/authorized_keys",
        )
        server.reboot()
        server.wait_until_succeeds("systemctl is-active cloister.service")
        server.succeed(f"grep -qx {DOMAIN} /var/lib/cloister-appliance/identity/domain")
        keys = server.succeed("cat /var/lib/cloister-appliance/ssh/authorized_keys").splitlines()
        assert keys == [key], keys

    with subtest("until there is a certificate, the server has one that nobody trusts"):
        server.wait_for_open_port(5223)
        server.fail(f"openssl s_client -connect localhost:5223 -servername {DOMAIN} -verify_return_error </dev/null")

    with subtest("it says which record is missing, and asks no authority before"):
        server.wait_for_console_text(rf"The DNS has no address for {DOMAIN} yet")
        server.wait_for_console_text(rf"{DOMAIN}\.  AAAA  2001:db8:1::3")
        server.wait_for_console_text(rf"_xmpps-client\._tcp\.{DOMAIN}\.  SRV  5 0 5223 {DOMAIN}\.")
        server.fail("test -e /run/cloister-appliance-certificate/lego.log")
        assert shown(INVITATION) == [], "an invitation that no client could follow"

    with subtest("it sees the record by itself, and gets the certificate"):
        acme.wait_for_unit("pebble.service")
        acme.wait_for_open_port(15000)
        record()
        server.wait_for_console_text(f"{DOMAIN} is ready")
        root = acme.succeed("curl -sk https://localhost:15000/roots/0")
        client.start()
        client.succeed(f"cat > /tmp/root.pem <<'END'\n{root}\nEND")
        client.wait_until_succeeds(f"curl -sf --cacert /tmp/root.pem https://{DOMAIN}/ -o /dev/null -w '%{{ssl_verify_result}}' || [ $? = 22 ]")

    with subtest("the console shows the first administrator's invitation, as link and QR code"):
        server.wait_for_console_text(INVITATION)
        [link] = shown(INVITATION)
        assert len(re.findall("[▀▄█]{8}", server.get_console_log())) > 5, "no QR code"

    with subtest("the invitation is on the console alone"):
        token = link.rpartition("/")[2]
        server.succeed("journalctl --sync")
        server.fail(f"journalctl --no-pager -o export | grep -F {token}")
        server.succeed("test $(stat -c %a:%u /var/lib/cloister-appliance/console/invitation) = 600:0")
        server.fail(f"grep -rqF {token} /run/log /var/log /etc /run/cloister-appliance*")

    with subtest("after a reboot it is the same one"):
        shown_before = server.get_console_log().count(link)
        server.reboot()
        retry(lambda _: server.get_console_log().count(link) > shown_before)
        assert shown(INVITATION) == [link], shown(INVITATION)
        server.fail("test -e /run/cloister-appliance-certificate/lego.log")

    with subtest("who follows it is the administrator, and the console invites nobody else"):
        assert client.succeed(f"XMPP_CA=/tmp/root.pem redeem {link} alice").strip() == f"alice@{DOMAIN}"
        assert server.succeed("cloister user list --json | jq -r '.[] | select(.admin).jid'").strip() == f"alice@{DOMAIN}"
        server.wait_for_console_text(f"{DOMAIN} is served")
        server.fail("test -e /var/lib/cloister-appliance/console/invitation")
        client.fail(f"XMPP_CA=/tmp/root.pem redeem {link} mallory")

    with subtest("the first message"):
        account(server, "bob")
        print(xmpp(client, "bob", "login", TRUST))
        stays(client, "bob", trust=TRUST)
        xmpp(client, "alice", f"send bob@{DOMAIN} 'the first message'", TRUST)
        sees(client, "bob", "alice: the first message")

    with subtest("a new certificate reaches new connections, and drops nobody"):
        serial = f"openssl s_client -connect {DOMAIN}:5223 -servername {DOMAIN} </dev/null 2>/dev/null | openssl x509 -noout -serial"
        before = client.succeed(serial).strip()
        record()
        server.succeed("rm /var/lib/cloister-appliance/identity/issued", "systemctl start cloister-appliance-certificate.service")
        client.wait_until_succeeds(f"test $({serial}) != {before}")
        xmpp(client, "alice", f"send bob@{DOMAIN} 'after that'", TRUST)
        sees(client, "bob", "alice: after that")
        assert "lost" not in seen(client, "bob"), seen(client, "bob")

    with subtest("the parts of the appliance are confined"):
        for unit in ("medium", "configure", "certificate", "console-${serial}", "keys"):
            verdict = server.succeed(f"systemd-analyze security --no-pager cloister-appliance-{unit}.service | tail -n 1")
            level = re.search(r"([0-9.]+) [A-Z]", verdict)
            assert level, verdict
            print(f"{unit}: {level[1]}")
            assert float(level[1]) <= 2.0, verdict
  '';
}
