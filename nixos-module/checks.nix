# What can be proved of the module without a machine: each assertion fails for what it is about and for
# nothing else, options that do not exist are mistakes, and the reference is that of the options.
{
  lib,
  pkgs,
  nixpkgs,
}:

let
  cases = import ./checks/cases.nix { inherit lib; };

  system =
    configuration:
    nixpkgs.lib.nixosSystem {
      modules = [
        ./.
        configuration
        {
          nixpkgs.hostPlatform = pkgs.stdenv.hostPlatform.system;
          fileSystems."/" = {
            device = "/dev/disk/by-label/nixos";
            fsType = "ext4";
          };
          boot.loader.grub.device = "/dev/vda";
          system.stateVersion = "26.05";
        }
      ];
    };

  # What this module, and no other, holds against the configuration.
  complaints =
    machine:
    let
      ours = lib.filter (
        definition: lib.hasPrefix (toString ./.) (toString definition.file)
      ) machine.options.assertions.definitionsWithLocations;
      assertions = lib.concatMap (definition: definition.value) ours;
    in
    map (assertion: assertion.message) (lib.filter (assertion: !assertion.assertion) assertions);

  isRefused =
    case: machine:
    let
      found = complaints machine;
    in
    lib.any (lib.hasInfix case.refused) found
    || throw "${case.name}: should be refused with “${case.refused}”, is: ${toString found}";
  isAccepted =
    case: machine:
    let
      found = complaints machine;
    in
    found == [ ] || throw "${case.name}: should be accepted, is refused: ${toString found}";
  isNoOption =
    case: machine:
    let
      inherit (machine.config.services.cloister) settings hostTables;
      evaluated = builtins.tryEval (builtins.deepSeq [ settings hostTables ] true);
    in
    !evaluated.success || throw "${case.name}: should not evaluate, and does";
  holds =
    case: machine:
    case.holds machine.config || throw "${case.name}: does not hold";

  judge =
    case:
    let
      # Once: it takes a second or two.
      machine = system case.configuration;
    in
    if case ? refused then
      isRefused case machine
    else if case ? holds then
      isAccepted case machine && holds case machine
    else if case.evaluates or true then
      isAccepted case machine
    else
      isNoOption case machine;

  reference = import ./reference.nix { inherit lib; } (system { }).options.services.cloister;
in
{
  module = pkgs.runCommand "cloister-module-checks" { } ''
    echo "${toString (lib.count judge cases)} cases of the module hold" | tee $out
  '';

  # To write it again: nix eval --raw .#checks.x86_64-linux.options-reference.text > docs/nixos-options.md
  options-reference = pkgs.runCommand "cloister-options-reference" { passthru.text = reference; } (
    if builtins.readFile ../docs/nixos-options.md == reference then
      "touch $out"
    else
      throw "docs/nixos-options.md is not that of the options; how to write it again is said in nixos-module/checks.nix"
  );
}
// import ./appliance/checks.nix { inherit pkgs; }
