# A copy of everything that the server keeps, each day. The server is down for the seconds in which its
# database is copied, so that the copy is of one moment; clients resume their sessions after that.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.services.cloister;
  inherit (cfg) backup;
in
{
  options.services.cloister.backup = {
    enable = lib.mkEnableOption "a copy of all data each day";

    directory = mkOption {
      type = types.path;
      default = "/var/backup/cloister";
      description = "Where copies are put. It should be carried off the machine, as with `services.restic`.";
    };

    startAt = mkOption {
      type = types.str;
      default = "04:15";
      description = "When, as in systemd.time(7).";
    };

    keep = mkOption {
      type = types.ints.positive;
      default = 7;
      description = "How many copies are kept.";
    };
  };

  config = lib.mkIf (cfg.enable && backup.enable) {
    systemd.tmpfiles.rules = [ "d ${backup.directory} 0700 root root -" ];

    systemd.services.cloister-backup = {
      description = "Copy of what the Cloister XMPP server keeps";
      startAt = backup.startAt;
      path = with pkgs; [
        coreutils
        findutils
        gnutar
        gzip
        systemd
      ];
      serviceConfig = {
        Type = "oneshot";
        # A server that was stopped is started again, whatever becomes of the copy.
        ExecStopPost = "${pkgs.systemd}/bin/systemctl start cloister.socket cloister.service";
        UMask = "0077";
        PrivateNetwork = true;
        PrivateTmp = true;
        ProtectHome = true;
        ProtectSystem = "strict";
        ReadWritePaths = [ backup.directory ];
        NoNewPrivileges = true;
      };
      script = builtins.readFile ./backup.sh;
      environment = {
        DATA = "/var/lib/private/cloister";
        DIRECTORY = backup.directory;
        KEEP = toString backup.keep;
      };
    };
  };
}
