# A program of the appliance: a script of scripts/, with the files of pure functions that it uses before
# it, all looked at by shellcheck when it is built.
{ lib, pkgs }:
{
  name,
  functions ? [ ],
  inputs ? [ ],
}:
pkgs.writeShellApplication {
  name = "cloister-appliance-${name}";
  runtimeInputs = [ pkgs.coreutils ] ++ inputs;
  # What a script runs is in its inputs, whatever the unit's PATH is.
  inheritPath = false;
  text = lib.concatMapStringsSep "\n" (file: builtins.readFile (./scripts + "/${file}.sh")) (
    functions ++ [ name ]
  );
}
