# Rooms: what holds for all hosts, and where one of them differs.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.services.cloister;
  ours = import ./lib.nix { inherit lib; };

  # The same for all hosts and for one, whose default is that of all.
  choices = inherited: {
    enable = mkOption {
      type = types.bool;
      default = inherited.enable or true;
      defaultText = lib.literalMD "`true`, or that of `services.cloister.rooms`";
      description = "Whether there are rooms.";
    };
    create = mkOption {
      type = types.nullOr (
        types.enum [
          "everybody"
          "admins"
          "nobody"
        ]
      );
      default = inherited.create or null;
      defaultText = lib.literalMD "the server's own, or that of `services.cloister.rooms`";
      description = "Who may make rooms.";
    };
    retention = mkOption {
      type = types.nullOr ours.retention;
      default = inherited.retention or null;
      defaultText = lib.literalMD "that of messages, or that of `services.cloister.rooms`";
      example = "1w";
      description = "How long what was said in rooms is kept.";
    };
  };

  host =
    { config, ... }:
    {
      options.rooms = choices cfg.rooms // {
        domain = mkOption {
          type = types.nullOr ours.domain;
          default = null;
          example = "rooms.example.org";
          description = "The address of the rooms; `rooms.` and the domain without it. Choose once.";
        };
      };
      config.table.rooms = ours.set {
        enabled = config.rooms.enable;
        inherit (config.rooms) create retention domain;
      };
    };
in
{
  options.services.cloister = {
    hosts = mkOption { type = types.attrsOf (types.submodule host); };
    rooms = choices { };
  };
}
