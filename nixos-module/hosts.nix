# The domains that are served, each of them a `[[host]]` of the configuration.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.services.cloister;
  toml = pkgs.formats.toml { };
  ours = import ./lib.nix { inherit lib; };

  host =
    { name, ... }:
    {
      options = {
        domain = mkOption {
          type = ours.domain;
          default = name;
          defaultText = lib.literalMD "the attribute's name";
          example = "example.org";
          description = "The domain: the part behind the `@` of its users' addresses.";
        };

        web = mkOption {
          type = types.nullOr (types.strMatching "https://[^/]+");
          default = null;
          example = "https://chat.example.org";
          description = ''
            Where its pages and files are, as clients see it; without it the domain itself. The
            certificate gets this name, too.
          '';
        };

        encryption = mkOption {
          type = types.enum [
            "off"
            "warn"
            "require"
          ];
          default = "off";
          description = "Whether messages have to be encrypted end to end (OMEMO).";
        };

        contact = mkOption {
          type = types.attrsOf (types.listOf types.str);
          default = { };
          example = lib.literalExpression ''{ admin = [ "mailto:admin@example.org" ]; }'';
          description = "Where people reach those who run the server: lists of URIs by kind (`abuse`, `admin`, `support`, …).";
        };

        settings = mkOption {
          inherit (toml) type;
          default = { };
          example = lib.literalExpression ''{ invites.create = "everybody"; }'';
          description = "What else its `[[host]]` table in the configuration holds.";
        };

        table = mkOption {
          inherit (toml) type;
          internal = true;
          description = "Its whole `[[host]]` table.";
        };
      };
    };
in
{
  options.services.cloister = {
    domain = mkOption {
      type = types.nullOr ours.domain;
      default = null;
      example = "example.org";
      description = "The domain that is served. For several, or for what holds for one of them only, there is `hosts`.";
    };

    hosts = mkOption {
      type = types.attrsOf (types.submodule host);
      default = { };
      example = lib.literalExpression ''
        {
          "example.org".retention = "90d";
          "club.example" = { };
        }
      '';
      description = "The domains that are served, by name.";
    };

    hostTables = mkOption {
      type = types.listOf types.raw;
      internal = true;
      readOnly = true;
      default = map (host: ours.set (lib.recursiveUpdate host.table host.settings)) (
        lib.attrValues cfg.hosts
      );
      description = "All `[[host]]` tables.";
    };
  };

  config = lib.mkIf (cfg.enable && cfg.domain != null) {
    services.cloister.hosts.${cfg.domain} = { };
  };
}
