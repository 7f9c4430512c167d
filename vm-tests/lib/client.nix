# A machine from which people and strangers reach the server.
{ domain, certificates }:
{
  lib,
  nodes,
  pkgs,
  ...
}:
let
  programs = lib.fileset.toSource {
    root = ./.;
    fileset = lib.fileset.fileFilter (file: file.hasExt "py") ./.;
  };
  python = pkgs.python3.withPackages (
    packages:
    [ packages.slixmpp ]
    # Where the tests run in guests of another distribution, this one may be absent, and omemo.nix fails.
    ++ lib.optional (packages ? slixmpp-omemo) packages.slixmpp-omemo
  );
  program =
    name:
    pkgs.writeShellScriptBin name ''
      export XMPP_DOMAIN=${domain} XMPP_CA="''${XMPP_CA-${certificates}/authority.pem}"
      exec ${python}/bin/python3 ${programs}/${name}.py "$@"
    '';
in
{
  networking.hosts.${nodes.server.networking.primaryIPAddress} = [ domain ];
  environment.systemPackages = [
    (program "sealed")
    (program "stranger")
    (program "xmpp")
    pkgs.curl
    pkgs.jq
    pkgs.openssl
  ];
  virtualisation.memorySize = lib.mkDefault 1024;
}
