# What only machines can show: each file here is one NixOS test, and becomes the check of its name.
#
#     nix build .#checks.x86_64-linux.chat
#
# A file is a function of what follows below, which gives a test for `runNixOSTest`.
{
  self,
  nixpkgs,
  pkgs,
}:
let
  inherit (pkgs) lib;
  isTest = name: type: type == "regular" && lib.hasSuffix ".nix" name && name != "default.nix";
  given = {
    inherit self nixpkgs pkgs;
    shared = import ./lib { inherit self pkgs; };
  };
in
lib.mapAttrs' (file: _: {
  name = lib.removeSuffix ".nix" file;
  value = pkgs.testers.runNixOSTest (import (./. + "/${file}") given);
}) (lib.filterAttrs isTest (builtins.readDir ./.))
