# Accounts, rooms and groups that the system's configuration declares, and who is an administrator.
# They are made when they are missing; nothing is removed that is no longer declared.
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

  full = name: if lib.hasInfix "@" name then name else "${name}@${toString cfg.domain}";
  # Of the module's own addresses, those without a domain.
  local = lib.filter (name: !lib.hasInfix "@" name) (
    cfg.admins ++ lib.attrNames cfg.accounts ++ lib.concatMap (group: group.members) (lib.attrValues cfg.groups)
  );
  credential = jid: "password-${builtins.hashString "sha256" jid}";

  accounts = lib.mapAttrs' (name: account: lib.nameValuePair (full name) account) cfg.accounts;
  withPassword = lib.filterAttrs (_: account: account.passwordFile != null) accounts;
  admins = lib.unique (map full cfg.admins);
  closedRooms = lib.filterAttrs (_: room: room ? password_file) cfg.declaredRooms;
  passwordFiles =
    lib.mapAttrs (_: account: account.passwordFile) withPassword
    // lib.mapAttrs (_: room: room.password_file) closedRooms;

  declared = {
    account = map (
      jid:
      {
        inherit jid;
      }
      // lib.optionalAttrs (lib.elem jid admins) { admin = true; }
      // lib.optionalAttrs (withPassword ? ${jid}) {
        password_file = "$CREDENTIALS_DIRECTORY/${credential jid}";
      }
      # Its owner makes it by an invitation.
      // lib.optionalAttrs (!withPassword ? ${jid}) { if_missing = "wait"; }
    ) (lib.unique (admins ++ lib.attrNames accounts));
    room = lib.mapAttrsToList (
      jid: room:
      {
        inherit jid;
      }
      // room
      // lib.optionalAttrs (room ? password_file) {
        password_file = "$CREDENTIALS_DIRECTORY/${credential jid}";
      }
    ) cfg.declaredRooms;
    group = lib.mapAttrsToList (name: group: {
      inherit name;
      members = map full group.members;
    }) cfg.groups;
  };
  isNeeded = declared.account != [ ] || declared.room != [ ] || declared.group != [ ];
in
{
  options.services.cloister = {
    admins = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "alice" ];
      description = ''
        Accounts that may administer the server from their client, by address or, on
        `services.cloister.domain`, by name alone. One that does not exist yet gets an account by invitation:
        `cloister invite create --admin`.
      '';
    };

    accounts = mkOption {
      default = { };
      example = lib.literalExpression ''{ alice.passwordFile = "/run/secrets/alice"; }'';
      description = ''
        Accounts that there have to be, by address or by name. Who is no longer listed keeps the account:
        `cloister user remove` removes it.
      '';
      type = types.attrsOf (
        types.submodule {
          options.passwordFile = mkOption {
            type = types.nullOr ours.secretPath;
            default = null;
            example = "/run/secrets/alice";
            description = "A file with the password that a new account begins with. Its owner may change it.";
          };
        }
      );
    };

    declaredRooms = mkOption {
      type = types.attrsOf toml.type;
      default = { };
      example = lib.literalExpression ''
        {
          "family@rooms.example.org" = {
            owner = "alice@example.org";
            name = "Family";
            members = [ "bob@example.org" ];
          };
        }
      '';
      description = "Rooms that there have to be, by address, as `cloister provision --help` describes them.";
    };

    groups = mkOption {
      default = { };
      example = lib.literalExpression ''{ Family.members = [ "alice" "bob" ]; }'';
      description = "Groups of accounts that are each other's contacts, by the name they see.";
      type = types.attrsOf (
        types.submodule {
          options.members = mkOption {
            type = types.listOf types.str;
            example = [
              "alice"
              "bob"
            ];
            description = "Accounts, by address or by name.";
          };
        }
      );
    };
  };

  config = lib.mkIf (cfg.enable && isNeeded) {
    assertions = [
      {
        assertion = local == [ ] || cfg.domain != null;
        message = "services.cloister: with several hosts write whole addresses, such as ${toString (lib.take 1 local)}@example.org.";
      }
    ]
    ++ lib.mapAttrsToList (
      name: account: ours.notInStore ''accounts."${name}".passwordFile'' account.passwordFile
    ) cfg.accounts
    ++ lib.mapAttrsToList (
      jid: room: ours.notInStore ''declaredRooms."${jid}".password_file'' room.password_file
    ) closedRooms;

    systemd.services.cloister-provision = {
      description = "Accounts, rooms and groups of the Cloister XMPP server";
      wantedBy = [ "multi-user.target" ];
      requires = [ "cloister.service" ];
      after = [ "cloister.service" ];
      # Who was invited meanwhile becomes an administrator, and gets to the group's contacts.
      startAt = "hourly";
      enableDefaultPath = false;
      serviceConfig = cfg.sandbox // {
        Type = "oneshot";
        ExecStart = "${lib.getExe cfg.package} --config ${
          if cfg.configFile == null then "/etc/cloister/cloister.toml" else cfg.configFile
        } provision ${toml.generate "cloister-provision.toml" declared}";
        LoadCredential = lib.mapAttrsToList (
          jid: file: "${credential jid}:${toString file}"
        ) passwordFiles;
      };
    };
  };
}
