# What the files of this module share.
{ lib }:

let
  inherit (lib) types;

  # A path as it was written: never copied into the store, as it would be inside a string.
  written = toString;
  inStore = path: lib.hasPrefix "${builtins.storeDir}/" (written path);
in
{
  inherit inStore;

  # Where a secret lies. Whoever may log in to the machine can read the store, so it cannot be there.
  secretPath = types.either types.path types.str // {
    description = "path outside the Nix store";
  };

  # The assertion that goes with an option of that type.
  notInStore = option: path: {
    assertion = path == null || !inStore path;
    message = ''
      services.cloister.${option} is ${lib.optionalString (path != null) (written path)}, which lies in the Nix store, where everybody on the machine can read it.
      Write the path as a string, and put the file outside: "/run/secrets/NAME", or where sops-nix or agenix put it.
    '';
  };

  duration = types.strMatching "([0-9]+(ms|w|d|h|m|s) ?)+" // {
    description = ''duration, such as "30d" or "1h 30m"'';
  };
  retention = types.strMatching "forever|0|([0-9]+(ms|w|d|h|m|s) ?)+" // {
    description = ''duration such as "30d", or "forever", or "0"'';
  };
  size = types.strMatching "[0-9]+ ?(B|[kMGT]B|[KMGT]iB)" // {
    description = ''size, such as "512 MiB"'';
  };
  domain = types.strMatching "[^@/[:space:]]+\\.?[^@/[:space:]]*" // {
    description = "domain name";
  };
  bareJid = types.strMatching "[^@/[:space:]]+@[^@/[:space:]]+" // {
    description = "address, such as alice@example.org";
  };

  socketAddress = types.strMatching "(\\[[0-9a-fA-F:.]+]|[0-9.]+):[0-9]{1,5}" // {
    description = ''IP address and port, such as "[::]:443"'';
  };

  # `[::]:443` and `0.0.0.0:443` as address and port.
  address =
    text:
    let
      parts = lib.splitString ":" text;
    in
    {
      ip = lib.concatStringsSep ":" (lib.init parts);
      port = lib.toInt (lib.last parts);
    };
  # All addresses of the machine.
  everywhere =
    hasIPv6: port:
    lib.optional hasIPv6 "[::]:${toString port}" ++ [ "0.0.0.0:${toString port}" ];
  isLoopback = text: lib.hasPrefix "127." text || lib.hasPrefix "[::1]:" text;

  # Without what is null: the server's own default holds then.
  set = lib.filterAttrsRecursive (_: value: value != null);
}
