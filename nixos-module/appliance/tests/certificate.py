"""How the certificate is got, with stand-ins for the network: when the authority is asked, and what is told.

Needs bash, coreutils, gnugrep, gnused, jq and openssl.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
PARTS = ("names", "cloud-config", "addresses", "dns", "certificate")
STANDINS = {
    "ip": "echo '[{\"addr_info\": [{\"local\": \"203.0.113.7\"}]}]'",
    "getent": 'cat "$STANDIN/resolved"',
    "curl": 'cat "$STANDIN/answers"',
    # What lego leaves behind, if the authority agrees.
    "lego": """
        echo "$*" >>"$STANDIN/orders"
        if [[ ! -e $STANDIN/agrees ]]; then
          printf '2026/11/23 09:00:00 Could not obtain certificates: error: 403 :: acme:error:dns :: no\\033[2J luck\\n'
          exit 1
        fi
        mkdir -p "$LEGO/certificates"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=a \
          -keyout "$LEGO/certificates/a.org.key" -out "$LEGO/certificates/a.org.crt" 2>/dev/null""",
}


class Run:
    """The script at work, in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("bin", "identity", "run", "standin", "webroot", "lego"):
            (folder / name).mkdir()
        for name, text in STANDINS.items():
            (folder / "bin" / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
            (folder / "bin" / name).chmod(0o755)
        (folder / "identity/domain").write_text("a.org\n")
        self.resolves("")
        self.standin("answers", "ready\n")
        program = folder / "certificate"
        program.write_text("set -o errexit -o nounset -o pipefail\n" + "\n".join(
            (SCRIPTS / f"{part}.sh").read_text() for part in PARTS))
        self.program = ["bash", str(program)]
        self.environment = {
            "PATH": f"{folder}/bin:{os.environ['PATH']}", "STANDIN": f"{folder}/standin", "LOOK": "0.2",
            "IDENTITY": f"{folder}/identity", "LEGO": f"{folder}/lego", "WEBROOT": f"{folder}/webroot",
            "RETRY": f"{folder}/retry", "SERVER": "https://acme.test/dir", "EMAIL": "",
            "RUNTIME_DIRECTORY": f"{folder}/run",
        }

    def __enter__(self):
        self.process = subprocess.Popen(self.program, env=self.environment, stdout=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def standin(self, name, text):
        (self.folder / "standin" / name).write_text(text)

    def resolves(self, *addresses):
        self.standin("resolved", "".join(f"{address} STREAM a.org\n" for address in addresses if address))

    def orders(self):
        path = self.folder / "standin/orders"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def told(self, name):
        path = self.folder / "run" / name
        return path.read_text().strip() if path.exists() else ""

    def waits(self, condition, what):
        end = time.monotonic() + 60
        while not condition():
            if time.monotonic() > end:
                sys.exit(f"FAILED  waited for {what}; it tells: {self.told('state')} {self.told('failure')}")
            time.sleep(0.05)

    def looks(self):
        """Waits until it has looked again, at least once from beginning to end."""
        advice = self.folder / "run/advice"
        for _ in range(2):
            before = advice.stat().st_mtime_ns
            self.waits(lambda: advice.stat().st_mtime_ns != before, "another look")


def nobody_is_asked_before_there_is_an_address(folder):
    with Run(folder) as run:
        run.waits(lambda: run.told("state") == "missing", "what is missing")
        run.looks()
        assert run.orders() == 0
        assert "a.org.  A  203.0.113.7" in run.told("advice")


def nobody_is_asked_before_port_80_answers(folder):
    with Run(folder) as run:
        run.standin("answers", "nobody\n")
        run.resolves("203.0.113.7")
        run.waits(lambda: run.told("state") == "waiting", "the server")
        run.looks()
        assert run.orders() == 0


def a_refusal_is_told_and_not_repeated_at_once(folder):
    with Run(folder) as run:
        run.resolves("198.51.100.1")
        run.waits(lambda: run.told("failure") and run.orders() == 1, "the refusal")
        failure = run.told("failure")
        assert "acme:error:dns :: no[2J luck" in failure and "\033" not in failure, failure
        assert "Remove records" in run.told("advice")
        run.looks()
        assert run.orders() == 1, "the authority counts failures"


def another_record_or_the_console_has_it_tried_again(folder):
    with Run(folder) as run:
        run.resolves("198.51.100.1")
        run.waits(lambda: run.orders() == 1, "the first order")
        run.resolves("203.0.113.7")
        run.waits(lambda: run.orders() == 2, "an order for another record")
        run.waits(lambda: run.told("state") == "ready" and run.told("failure"), "its end")
        (folder / "retry").touch()
        run.waits(lambda: run.orders() == 3, "an order for the console")


def a_certificate_is_put_in_place_once(folder):
    with Run(folder) as run:
        run.resolves("203.0.113.7")
        run.standin("agrees", "")
        run.waits(lambda: run.process.poll() == 0, "the end")
        assert run.told("state") == "good" and (folder / "run/renewed").exists()
        assert (folder / "identity/issued").read_text() == "a.org\n"
        assert (folder / "identity/key.pem").stat().st_mode & 0o777 == 0o640
        assert "PRIVATE" in (folder / "identity/key.pem").read_text()
        assert "hostmaster@a.org" in (folder / "standin/orders").read_text()
    again = subprocess.run(run.program, env=run.environment, stdout=subprocess.DEVNULL, timeout=60)
    assert again.returncode == 0 and run.orders() == 1, "it is good for the time being"


def main():
    tests = (nobody_is_asked_before_there_is_an_address, nobody_is_asked_before_port_80_answers,
             a_refusal_is_told_and_not_repeated_at_once, another_record_or_the_console_has_it_tried_again,
             a_certificate_is_put_in_place_once)
    for test in tests:
        with tempfile.TemporaryDirectory() as folder:
            test(Path(folder))
        print(f"ok      {test.__name__.replace('_', ' ')}", flush=True)
    print(f"{len(tests)} passed, 0 failed")


main()
