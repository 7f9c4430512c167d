# How long messages are kept.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.services.cloister;
  ours = import ./lib.nix { inherit lib; };

  host =
    { config, ... }:
    {
      options.retention = mkOption {
        type = types.nullOr ours.retention;
        default = null;
        example = "90d";
        description = "How long messages of its accounts are kept, where that differs from `services.cloister.retention`.";
      };
      config.table = ours.set { inherit (config) retention; };
    };
in
{
  options.services.cloister = {
    hosts = mkOption { type = types.attrsOf (types.submodule host); };

    retention = mkOption {
      type = types.nullOr ours.retention;
      default = null;
      example = "90d";
      description = ''
        How long messages are kept: a duration, `forever`, or `0` for only until they are delivered. Without
        it the server's own default holds, 30 days. Rooms and files can differ: `rooms.retention`,
        `upload.retention`.
      '';
    };
  };

  config = lib.mkIf (cfg.enable && cfg.retention != null) {
    services.cloister.settings.archive = { inherit (cfg) retention; };
  };
}
