# What somebody gains who takes over the server: its own data, and nothing else. And what somebody
# gains who reads its logs: nothing.
{ shared, ... }:
{
  name = "cloister-hardening";

  nodes.server =
    { pkgs, ... }:
    {
      imports = [ shared.server ];
      services.cloister = {
        secrets.pepperFile = "/var/lib/secrets/pepper";
        # The level that tells most.
        settings.log_level = "debug";
      };
      # As sops-nix or agenix would, outside the store.
      systemd.services.secrets = {
        requiredBy = [ "cloister.service" ];
        before = [ "cloister.service" ];
        path = [ pkgs.openssl ];
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          UMask = "0077";
          StateDirectory = "secrets";
          StateDirectoryMode = "0700";
        };
        script = "openssl rand -hex 32 > /var/lib/secrets/pepper";
      };
    };
  nodes.client = shared.client;

  testScript =
    { nodes, ... }:
    shared.script
    + ''
      ADDRESSES = ["${nodes.client.networking.primaryIPAddress}", "${nodes.client.networking.primaryIPv6Address}"]

      start_all()
      ready(server)
      client.wait_for_unit("multi-user.target")
      account(server, "alice", "bob")
      pid = server.succeed("systemctl show cloister.service --property MainPID --value").strip()


      def inside(namespaces, command):
          return f"nsenter --target {pid} {namespaces} -- {command} 2>&1"


      with subtest("systemd rates the exposure of the unit at 1.0 or less"):
          rating = server.succeed("systemd-analyze security --no-pager cloister.service")
          print(rating)
          level = rating.rpartition("Overall exposure level for cloister.service: ")[2].split()[0]
          print(f"exposure of cloister.service: {level}")
          assert float(level) <= 1.0, level

      with subtest("it has no privileges and gets none"):
          lines = server.succeed(f"cat /proc/{pid}/status").splitlines()
          status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
          assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split(), status
          for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]:
              assert int(status[name], 16) == 0, status[name]
          assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status

      with subtest("it has no network of its own and reaches nobody"):
          links = server.succeed(inside("--net", "ip -oneline link")).splitlines()
          assert len(links) == 1 and ": lo:" in links[0], links
          assert server.succeed(inside("--net", "ip route")) == ""
          server.succeed("nc -z localhost 5222")
          server.fail(inside("--net", "nc -z -w 5 localhost 5222"))
          unreachable = server.fail(inside("--net", f"ping -c 1 {ADDRESSES[0]}"))
          assert "unreachable" in unreachable, unreachable

      with subtest("it can write where its data is, and nowhere else"):
          user = server.succeed(f"stat --format '--reuid %u --regid %g' /proc/{pid}").strip()
          skipped = "-path /proc -o -path /sys -o -path /nix/store"
          find = f"find / '(' {skipped} ')' -prune -o -type d -writable -print"
          writable = server.execute(
              f"nsenter --target {pid} --mount -- setpriv {user} --clear-groups -- {find}"
          )[1].split()
          print("writable for the server:", *writable)
          # What everybody may write to is of the server's own, or empty and gone with the machine.
          own = ["/dev/mqueue", "/dev/shm", "/run/cloister", "/run/lock"]
          own += ["/tmp", "/var/lib/private/cloister", "/var/tmp"]
          for place in writable:
              assert any(place == each or place.startswith(f"{each}/") for each in own), place
          assert "/var/lib/private/cloister" in writable, writable
          # Nor could it if it were root.
          for place in ["/", "/etc", "/usr", "/var", "/var/lib", "/nix/store"]:
              refusal = server.fail(inside("--mount", f"touch {place}/written"))
              assert "Read-only file system" in refusal, refusal
          server.succeed("touch /tmp/of-the-system /root/of-root")
          server.fail(inside("--mount", "cat /tmp/of-the-system"))
          server.fail(inside("--mount", "cat /root/of-root"))

      with subtest("nobody else reads its data or speaks to it as the operator"):
          nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups --"
          for place in ["/var/lib/cloister/", "/var/lib/private/cloister", "/run/cloister/", "/etc/cloister-test/key.pem"]:
              server.succeed(f"ls {place}")
              refusal = server.fail(f"{nobody} cat {place} 2>&1")
              assert "Permission denied" in refusal, refusal
          server.fail(f"{nobody} cloister user list")

      with subtest("people use it, strangers try it, and passwords are guessed"):
          xmpp(client, "alice", f"send bob@{DOMAIN} 'nobody else may read this'")
          xmpp(client, "bob", "hear", "--direct")
          client.succeed(f"stranger {DOMAIN} bare '<nonsense>'")
          for port in [443, 5223]:
              client.execute(f"echo nonsense | nc -w 5 {DOMAIN} {port}")
          client.succeed(f"curl -s --cacert ${shared.certificates}/authority.pem https://{DOMAIN}/nonsense")
          for password in ["the password of bob", "another one"]:
              client.fail(f"XMPP_PASSWORD='{password}' xmpp alice login")
          server.succeed("systemctl reload cloister.service")
          server.succeed("systemctl restart cloister.service")
          ready(server)

      with subtest("no address and no secret is in the journal"):
          journal = server.succeed("journalctl --no-pager --all --output=short-full --unit='cloister*'")
          assert " DEBUG " in journal or "debug" in journal.lower(), "nothing was logged at that level"
          told = [address for address in ADDRESSES if address in journal]
          assert not told, [line for line in journal.splitlines() if told[0] in line]
          pepper = server.succeed("cat /var/lib/secrets/pepper").strip()
          key = server.succeed("sed -n 2p /etc/cloister-test/key.pem").strip()
          secrets = [pepper, key, "the password of", "another one", "nobody else may read this"]
          for secret in secrets:
              assert secret not in journal, secret

      with subtest("no secret is in the store"):
          # The unit and the configuration, with everything in the store that they name.
          roots = "/etc/systemd/system/cloister*.service /etc/cloister/cloister.toml"
          named = server.succeed(f"cat {roots} | grep -oE '/nix/store/[^/ \"]+' | sort -u").split()
          assert named
          for secret in [pepper, "the password of"]:
              server.fail(f"grep -rqF '{secret}' {roots} {' '.join(named)}")
    '';
}
