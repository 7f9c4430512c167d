# Stands before every test script.
DOMAIN = "cloister.test"


def account(server, *names):
    """Makes accounts as an operator does; xmpp.py knows their passwords."""
    for name in names:
        server.succeed(
            f"printf 'the password of {name}' | "
            f"cloister user add {name}@{DOMAIN} --password-file -"
        )


def xmpp(client, account, command, options=""):
    """What a person does with a client, and what that prints."""
    return client.succeed(f"xmpp {options} {account} {command}").strip()


def refused(client, account, command, options=""):
    """The same, but it has to be refused: the reason."""
    out = client.fail(f"xmpp {options} {account} {command} 2>&1")
    assert "refused: " in out, out
    return out.rpartition("refused: ")[2].strip()


def stays(client, account, options="", trust=""):
    """A client that stays, in the background; what it sees is read with `seen`."""
    client.succeed(
        f"systemd-run --unit={account} --property=StandardOutput=file:/tmp/{account} "
        "--property=StandardError=journal "
        f'"$(command -v xmpp)" {trust} {account} stay {options}'
    )
    client.wait_until_succeeds(f"grep -q '^here' /tmp/{account}")


def seen(client, account):
    """Everything that the client in the background told so far, line by line."""
    return client.succeed(f"cat /tmp/{account}").splitlines()


def sees(client, account, line):
    """Waits until the client in the background has told the line."""
    client.wait_until_succeeds(f"grep -qxF '{line}' /tmp/{account}")


def leaves(client, account):
    client.succeed(f"systemctl stop {account}")


def ready(server):
    """The server takes clients."""
    server.wait_for_unit("cloister.service")
    server.wait_for_open_port(5222)


