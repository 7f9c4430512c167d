# What the tests share: certificates, machines, and the beginning of their scripts.
{ self, pkgs }:
let
  domain = "cloister.test";
  certificates = pkgs.callPackage ./certificates.nix { inherit domain; };
in
{
  inherit domain certificates;

  # A machine that serves the domain, with a certificate of the tests' own authority.
  server = import ./server.nix { inherit self domain certificates; };

  # A machine with the programs that people and strangers use against it.
  client = import ./client.nix { inherit domain certificates; };

  # Put before a test script: functions in the words of the tests.
  script = builtins.readFile ./script.py;
}
