# A live system's disk: labelled cloister-data, below /var/lib.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.cloister-appliance;
  paths = import ./paths.nix;
  program = import ./program.nix { inherit lib pkgs; };
  request = "${paths.terminals}/format";
  data = program {
    name = "data";
    inputs = [ pkgs.util-linux ];
  };
  format = program {
    name = "format";
    functions = [ "disks" ];
    inputs = [
      pkgs.jq
      pkgs.util-linux
    ]
    ++ lib.optional (pkgs ? e2fsprogs) pkgs.e2fsprogs;
  };
in
lib.mkIf cfg.live {
  # Not in fileSystems: whatever has its state below /var/lib would then fail where there is no disk.
  systemd.services.cloister-appliance-data = {
    description = "Disk with what lasts";
    wantedBy = [ "local-fs.target" ];
    before = [ "local-fs.target" ];
    wants = [ "systemd-udevd.service" ];
    after = [
      "local-fs-pre.target"
      "systemd-udevd.service"
    ];
    unitConfig.DefaultDependencies = false;
    environment.PLACE = "/var/lib";
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = lib.getExe data;
      TimeoutStartSec = "5min";
    };
  };

  # Only what the console asked about is formatted, and only if it holds nothing.
  systemd.paths.cloister-appliance-format = {
    description = "A disk to be formatted, named on the console";
    wantedBy = [ "multi-user.target" ];
    pathConfig.PathExists = request;
  };
  systemd.services.cloister-appliance-format = {
    description = "Formatting of an empty disk";
    environment.REQUEST = request;
    serviceConfig = import ./sandbox.nix // {
      Type = "oneshot";
      ExecStart = lib.getExe format;
      # Outside the sandbox: the disk is used from the next start on.
      ExecStartPost = "+${config.systemd.package}/bin/systemctl --no-block reboot";
      ReadWritePaths = [ paths.terminals ];
      PrivateNetwork = true;
      RestrictAddressFamilies = "none";
      DevicePolicy = "closed";
      DeviceAllow = [ "block-* rw" ];
    };
  };
}
