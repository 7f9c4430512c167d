# Files: as large as is allowed, no larger, and no more than an account may have.
{ shared, ... }:
{
  name = "cloister-upload";

  nodes.server = {
    imports = [ shared.server ];
    services.cloister.upload.quota = "600 MiB";
    virtualisation.diskSize = 4096;
  };
  nodes.client = {
    imports = [ shared.client ];
    virtualisation.diskSize = 4096;
  };

  testScript = shared.script + ''
    import json

    start_all()
    ready(server)
    client.wait_for_unit("multi-user.target")
    account(server, "alice", "bob")

    MIB = 1024 * 1024
    # Beyond the 512 MiB themselves, what encryption adds to a file of that size.
    LARGEST = 512 * MIB + 16
    CURL = "curl --silent --show-error --cacert ${shared.certificates}/authority.pem"


    def slot(name, size, who="alice"):
        return json.loads(xmpp(client, who, f"slot {name} {size}"))


    def status(request):
        return client.succeed(f"{CURL} --output /dev/null --write-out '%{{http_code}}' {request}")


    with subtest("a file of the largest size goes up, and comes back as it was"):
        client.succeed(f"head -c {LARGEST} /dev/urandom > /var/tmp/large")
        large = slot("large.bin", LARGEST)
        assert status(f"--upload-file /var/tmp/large '{large['put']}'") == "201"
        digest = client.succeed("sha256sum < /var/tmp/large")
        assert client.succeed(f"{CURL} --fail '{large['get']}' | sha256sum") == digest

    with subtest("a larger one is refused when it is asked for"):
        assert refused(client, "alice", f"slot larger.bin {LARGEST + 1}") == "not-acceptable"

    with subtest("what is more than was asked for is refused, and does not stay"):
        place = slot("small.bin", MIB, "bob")
        client.succeed(f"head -c {2 * MIB} /dev/urandom > /var/tmp/twice")
        answer = client.execute(
            f"{CURL} --output /dev/null --write-out '%{{http_code}}' "
            f"--upload-file /var/tmp/twice '{place['put']}'"
        )[1]
        assert answer.startswith(("4", "000")), answer
        assert status(f"'{place['get']}'") == "404"

    with subtest("an account gets no more than its quota, and another one does"):
        why = refused(client, "alice", f"slot more.bin {100 * MIB}")
        assert why in ["resource-constraint", "not-acceptable", "policy-violation"], why
        slot("more.bin", 100 * MIB, "bob")
        slot("little.bin", 50 * MIB)

    with subtest("nobody uploads without having asked"):
        place = f"https://{DOMAIN}/upload/{'A' * 32}/stolen.bin"
        answer = status(f'--request PUT --data "" {place}')
        assert answer in ["403", "404"], answer

    with subtest("files outlive a restart"):
        server.succeed("systemctl restart cloister.service")
        ready(server)
        listed = json.loads(server.succeed(f"cloister upload list alice@{DOMAIN} --json"))
        assert [file["size"] for file in listed["uploads"] if file["uploaded"]] == [LARGEST], listed
        assert client.succeed(f"{CURL} --fail '{large['get']}' | sha256sum") == digest
  '';
}
