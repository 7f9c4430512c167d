# Two people on a machine of their own talk through the server: over TLS that is checked, and over
# nothing else. A stranger finds the ports that were configured, and no other.
{ shared, ... }:
{
  name = "cloister-chat";

  nodes.server = shared.server;
  nodes.client = shared.client;

  testScript = shared.script + ''
    start_all()
    ready(server)
    client.wait_for_unit("multi-user.target")
    account(server, "alice", "bob")

    with subtest("people log in over STARTTLS and over direct TLS, both of them TLS 1.3"):
        for options in ["", "--direct", "--direct --port 443"]:
            assert xmpp(client, "alice", "login", options).startswith("TLSv1.3 SCRAM-"), options

    with subtest("a message reaches who is there"):
        stays(client, "bob")
        xmpp(client, "alice", f"send bob@{DOMAIN} 'over STARTTLS'")
        sees(client, "bob", "alice: over STARTTLS")
        xmpp(client, "alice", f"send bob@{DOMAIN} 'over direct TLS'", "--direct")
        sees(client, "bob", "alice: over direct TLS")

    with subtest("a client that stays loses nothing when the service restarts"):
        xmpp(client, "alice", f"send bob@{DOMAIN} 'before the restart'")
        stays(client, "alice", f"--tell bob@{DOMAIN} --count 40 --every 0.5")
        sees(client, "bob", "alice: tick 5")
        server.succeed("systemctl restart cloister.service")
        sees(client, "bob", "resumed")
        sees(client, "bob", "alice: tick 39")
        heard = [line for line in seen(client, "bob") if line.startswith("alice: ")]
        ticks = [f"alice: tick {number}" for number in range(40)]
        # Each once. In which order they came to the server, its archive tells: what slixmpp sends again is late.
        assert sorted(heard[2:]) == sorted(["alice: before the restart", *ticks]), heard
        assert heard == xmpp(client, "bob", "archive").splitlines(), heard
        assert "a new session" not in seen(client, "bob")
        for name in ["alice", "bob"]:
            leaves(client, name)

    with subtest("a certificate that does not fit is not taken"):
        for options in ["", "--direct"]:
            why = refused(client, "alice", "login", f"{options} --ca ${shared.certificates}/stranger.pem")
            assert "certificate verify failed" in why, why
        look = (
            f"openssl s_client -connect {DOMAIN}:5223 -servername {DOMAIN} -verify_return_error "
            "-CAfile ${shared.certificates}/authority.pem </dev/null 2>&1"
        )
        client.succeed(f"{look} -verify_hostname {DOMAIN}")
        assert "hostname mismatch" in client.fail(f"{look} -verify_hostname elsewhere.test")

    with subtest("TLS 1.1 and 1.2 are refused by the server"):
        for port, start in [(5222, f"-starttls xmpp -xmpphost {DOMAIN}"), (5223, ""), (443, "")]:
            look = f"openssl s_client -connect {DOMAIN}:{port} {start} -servername {DOMAIN}"
            client.succeed(f"{look} -tls1_3 </dev/null")
            for version in ["-tls1_1", "-tls1_2"]:
                out = client.fail(f"{look} {version} -cipher ALL:@SECLEVEL=0 </dev/null 2>&1")
                # The number is that of an alert from the server.
                assert "SSL alert number" in out, out

    with subtest("nothing is offered and nothing is taken before TLS"):
        said = client.succeed(f'stranger {DOMAIN} bare ""')
        assert "starttls" in said and "<required" in said, said
        assert "mechanism" not in said, said
        auth = "<auth xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\" mechanism=\"PLAIN\">AGEAYg==</auth>"
        message = f"<message to=\"bob@{DOMAIN}\"><body>in clear</body></message>"
        said = client.succeed(f"stranger {DOMAIN} bare '{auth}'")
        assert "<encryption-required/>" in said and "<success" not in said, said
        said = client.succeed(f"stranger {DOMAIN} bare '{message}'")
        assert "<stream:error" in said and "(and then it closed)" in said, said
        assert "in clear" not in xmpp(client, "bob", "archive")

    with subtest("a stranger finds the configured ports and no other"):
        found = client.succeed(f"stranger {DOMAIN} ports").split()
        assert found == ["443", "5222", "5223"], found

    with subtest("no server listens for other servers"):
        assert ":5269" not in server.succeed("ss -tln")
  '';
}
