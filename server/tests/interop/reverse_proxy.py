#!/usr/bin/env python3
"""nginx and Caddy in front of a server, with the lines that the README has for them.

    reverse_proxy.py PATH-TO-CLOISTER

Starts `cloister demo` and each proxy on ports of its own, and claims that pages, WebSockets and files
of 512 MiB work through them, and that limits still see whose connection it is. Each claim is one line
of output; the last line counts them. Exits with 1 if one failed.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import pathlib
import re
import ssl
import subprocess
import sys
import tempfile

import aiohttp

import demo
import ports
from browser_peer import Person
from claims import claim, conclusion, remark

PATIENCE = 60

README = pathlib.Path(__file__).parents[3] / "README.md"

FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"

# The largest file there may be, and a block of it.
LARGEST = 512 * 1024 * 1024 + 16
BLOCK = os.urandom(1024 * 1024)


def blocks(language):
    """The parts of the README in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)


class Site:
    """A server behind a proxy: one at a time, on the same ports."""

    def __init__(self, cloister, directory):
        self.directory = pathlib.Path(directory)
        self.demo = demo.Demo(cloister, str(self.directory / "demo"))
        self.public, self.inner, self.http = ports.free(3)
        self.cloister = cloister

    def here(self, text):
        """The README's lines, for this machine's ports and certificate."""
        ours = {
            "listen 443;": f"listen {self.public};",
            "listen 443 ssl;": f"listen {self.public} ssl;",
            # There may be no IPv6.
            "listen [::]:443;": "",
            "listen [::]:443 ssl;": "",
            "127.0.0.1:5281": f"127.0.0.1:{self.http}",
            "127.0.0.1:5443": f"127.0.0.1:{self.demo.https}",
            "127.0.0.1:8443": f"127.0.0.1:{self.inner}",
            "/var/lib/acme/example.org/fullchain.pem": str(self.demo.directory / "server.pem"),
            "/var/lib/acme/example.org/key.pem": str(self.demo.directory / "server.key"),
            "example.org": "localhost",
        }
        known = "|".join(re.escape(theirs) for theirs in sorted(ours, key=len, reverse=True))
        return re.sub(known, lambda match: ours[match[0]], text)

    def configure(self, listen):
        """What the README says for Cloister, in the demo's configuration."""
        path = self.demo.directory / "cloister.toml"
        text = re.sub(r"^(https|http|proxies) = .*\n", "", path.read_text(), flags=re.MULTILINE)
        text = re.sub(r"^web = .*\n", "", text, flags=re.MULTILINE)
        text = text.replace("[listen]\n", "[listen]\n" + self.here(listen), 1)
        web = f'web = "https://localhost:{self.public}"\n'
        path.write_text(text.replace("[[host]]\n", "[[host]]\n" + web, 1))

    def trust(self):
        return ssl.create_default_context(cafile=self.demo.ca)

    def visitor(self):
        """An HTTP client that trusts the demo's authority."""
        timeout = aiohttp.ClientTimeout(total=None, sock_read=PATIENCE)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self.trust()), timeout=timeout)

    def invite(self):
        config = str(self.demo.directory / "cloister.toml")
        command = [self.cloister, "--config", config, "invite", "create", "--json"]
        return json.loads(subprocess.check_output(command))["link"]

    @contextlib.contextmanager
    def running(self, listen):
        self.configure(listen)
        self.demo.start()
        try:
            yield
        finally:
            self.demo.stop()

    @contextlib.contextmanager
    def nginx(self, http, stream=""):
        modules = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")
        temporary = "".join(
            f"{kind}_temp_path {self.directory}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        path = self.directory / "nginx.conf"
        path.write_text(
            (f"load_module {modules};\n" if stream and modules.exists() else "")
            + f"daemon off;\npid {self.directory}/nginx.pid;\nerror_log {self.directory}/nginx.log warn;\n"
            + ("user root;\n" if os.getuid() == 0 else "")
            + "events {}\n" + f"http {{\n{temporary}{self.here(http)}}}\n" + self.here(stream))
        with process(["nginx", "-p", str(self.directory), "-c", str(path)], self.public):
            yield

    @contextlib.contextmanager
    def caddy(self, lines):
        certificate = self.demo.directory / "server.pem"
        key = self.demo.directory / "server.key"
        # A certificate of its own from an authority of ours, instead of one by ACME.
        lines = self.here(lines).replace("localhost {", f"localhost:{self.public} {{\n"
                                         f"\ttls {certificate} {key}", 1)
        path = self.directory / "Caddyfile"
        path.write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + lines)
        os.environ["XDG_DATA_HOME"] = os.environ["XDG_CONFIG_HOME"] = str(self.directory)
        command = ["caddy", "run", "--config", str(path), "--adapter", "caddyfile"]
        with process(command, self.public, stderr=subprocess.DEVNULL):
            yield


@contextlib.contextmanager
def process(command, port, **options):
    """A proxy that listens, and is ended afterwards."""
    child = subprocess.Popen(command, **options)
    try:
        asyncio.run(listening(child, port))
        yield
    finally:
        child.terminate()
        child.wait(PATIENCE)


async def listening(child, port):
    async with asyncio.timeout(PATIENCE):
        while child.poll() is None:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)
    sys.exit(f"{child.args[0]} did not start")


async def pages(site, name):
    """What a browser needs."""
    async with site.visitor() as session:
        link = site.invite()
        claim(f"{name}: links begin with the proxy's address",
              link.startswith(f"https://localhost:{site.public}/"))
        async with session.get(link) as answer:
            claim(f"{name}: the invitation's page is there",
                  answer.status == 200 and "<form" in await answer.text())
        async with session.post(link, data={"name": "", "password": "", "again": ""}) as answer:
            claim(f"{name}: its form is answered", answer.status < 500 and answer.status != 403)
        url = f"wss://localhost:{site.public}/xmpp-websocket"
        async with session.ws_connect(url, protocols=["xmpp"]) as socket:
            await socket.send_str(f"<open xmlns='{FRAMING}' to='localhost' version='1.0'/>")
            said = [(await socket.receive(PATIENCE)).data for _ in range(2)]
            claim(f"{name}: WebSockets speak XMPP",
                  said[0].startswith("<open") and "mechanisms" in said[1])


async def whole_file():
    for _ in range(LARGEST // len(BLOCK)):
        yield BLOCK
    yield BLOCK[:LARGEST % len(BLOCK)]


async def files(site, name):
    """The largest file, there and back."""
    jid, password = site.demo.accounts[0]
    person = Person(jid, password, site.demo.ca)
    await person.online("127.0.0.1", site.demo.c2s)
    upload = person.plugin["xep_0363"]
    service = (await upload.find_upload_service(timeout=PATIENCE))["from"]
    slot = await upload.request_slot(service, "large.bin", LARGEST, timeout=PATIENCE)
    slot = slot["http_upload_slot"]
    headers = {header["name"]: header["value"] for header in slot["put"]["headers"]}
    headers |= {"Content-Length": str(LARGEST), "Content-Type": "application/octet-stream"}
    sent, came = hashlib.sha256(), hashlib.sha256()
    async for block in whole_file():
        sent.update(block)
    async with site.visitor() as session:
        async with session.put(slot["put"]["url"], data=whole_file(), headers=headers) as answer:
            claim(f"{name}: a file of 512 MiB is taken", answer.status == 201)
        async with session.get(slot["get"]["url"]) as answer:
            async for block in answer.content.iter_any():
                came.update(block)
        claim(f"{name}: and comes back as it was", came.digest() == sent.digest())
    await person.disconnect()


async def refusals(site, name):
    """What does not come by the proxy."""
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{site.http}/.well-known/host-meta"
        async with session.get(url) as answer:
            claim(f"{name}: what was not asked by HTTPS is refused", answer.status == 403)


async def by_protocol(site):
    """XMPP and HTTP on one port."""
    trust = site.trust()
    trust.set_alpn_protocols(["xmpp-client"])
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", site.public, ssl=trust, server_hostname="localhost")
    writer.write(b"<stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
                 b"xmlns:stream='http://etherx.jabber.org/streams'>")
    said = await asyncio.wait_for(reader.readuntil(b"</stream:features>"), PATIENCE)
    claim("nginx by protocol: XMPP is Cloister's", b"SCRAM" in said)
    writer.close()
    try:
        reader, _ = await asyncio.open_connection(
            "127.0.0.1", site.demo.https, ssl=trust, server_hostname="localhost")
        claim("nginx by protocol: nobody gets by the proxy's introduction", False)
    except (OSError, ssl.SSLError):
        claim("nginx by protocol: nobody gets by the proxy's introduction", True)


def main():
    http, stream = blocks("nginx")
    [caddy] = blocks("caddy")
    behind = 'https = []\nhttp = ["127.0.0.1:5281"]\n'
    one_port = 'https = ["127.0.0.1:5443"]\nhttp = ["127.0.0.1:5281"]\n'
    with tempfile.TemporaryDirectory() as directory:
        site = Site(sys.argv[1], directory)
        # For what is missing to be made.
        site.demo.start()
        site.demo.stop()
        with site.running(behind):
            with site.nginx(http):
                for check in (pages, files, refusals):
                    asyncio.run(check(site, "nginx"))
                log = (site.directory / "nginx.log").read_text()
                claim("nginx: it keeps no file in between", "temporary file" not in log)
            with site.caddy(caddy):
                for check in (pages, files):
                    asyncio.run(check(site, "Caddy"))
        inner = re.sub(r"listen 443 ssl;", "listen 127.0.0.1:8443 ssl proxy_protocol;\n"
                       "set_real_ip_from 127.0.0.1;\nreal_ip_header proxy_protocol;", http)
        with site.running(one_port + 'proxies = ["127.0.0.1"]\n'), site.nginx(inner, stream):
            asyncio.run(pages(site, "nginx by protocol"))
            asyncio.run(by_protocol(site))
    for name in ("nginx", "caddy"):
        version = subprocess.run([name, "-v" if name == "nginx" else "version"],
                                 capture_output=True, text=True)
        remark((version.stdout + version.stderr).strip())
    sys.exit(conclusion("reverse proxies"))


if __name__ == "__main__":
    main()
