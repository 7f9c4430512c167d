# What is seen on the terminals. Nobody can log in there, so whoever stands at the machine sees this.
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

  console = program {
    name = "console";
    functions = [
      "names"
      "addresses"
      "disks"
      "screens"
    ];
    inputs = with pkgs; [
      gnused
      iproute2
      jq
      openssl
      util-linux
      config.services.cloister.package
    ];
  };

  unit = terminal: {
    description = "Appliance's console on ${terminal}";
    wantedBy = [ "multi-user.target" ];
    after = [
      "cloister-appliance-configure.service"
      # The order in which a login would be offered there: after what systemd has to say.
      "systemd-user-sessions.service"
    ];
    unitConfig.ConditionPathExists = "/dev/${terminal}";
    environment = {
      TERM = "linux";
      CONFIG = paths.configuration;
      IDENTITY = paths.identity;
      CERTIFICATE = paths.certificate;
      AUTHORITY = cfg.acme.server;
      ADMIN_SOCKET = "/run/cloister/admin.sock";
      KEYS_FILE = "${paths.ssh}/authorized_keys";
      LIVE = lib.optionalString cfg.live "/var/lib";
    };
    serviceConfig = import ./sandbox.nix // {
      Type = "exec";
      ExecStart = lib.getExe console;
      Restart = "always";
      RestartSec = "5s";
      RestartSteps = 5;
      RestartMaxDelaySec = "5min";
      # Input and output are the terminal: an invitation is in no journal.
      StandardInput = "tty";
      StandardOutput = "tty";
      StandardError = "journal";
      TTYPath = "/dev/${terminal}";
      TTYReset = true;
      TTYVHangup = true;
      UtmpIdentifier = lib.last (lib.splitString "/" terminal);
      StateDirectory = "cloister-appliance/console";
      # The domain that was typed is read by another user; the invitation is not.
      StateDirectoryMode = "0711";
      RuntimeDirectory = "cloister-appliance-console";
      RuntimeDirectoryMode = "0711";
      RuntimeDirectoryPreserve = true;
      # The server's socket and the certificate are other users'.
      CapabilityBoundingSet = [ "CAP_DAC_OVERRIDE" ];
      PrivateNetwork = false;
      RestrictAddressFamilies = [
        "AF_NETLINK"
        "AF_UNIX"
      ];
      IPAddressDeny = "any";
      DevicePolicy = "closed";
      DeviceAllow = [ "/dev/${terminal} rw" ];
    };
  };
  name = terminal: "cloister-appliance-console-${lib.replaceStrings [ "/" ] [ "-" ] terminal}";
in
{
  systemd.services =
    lib.listToAttrs (map (terminal: lib.nameValuePair (name terminal) (unit terminal)) cfg.consoles)
    // lib.genAttrs (
      [ "autovt@" ]
      ++ lib.concatMap (terminal: [
        "getty@${terminal}"
        "serial-getty@${terminal}"
      ]) (lib.filter (terminal: !lib.hasInfix "/" terminal && terminal != "console") cfg.consoles)
    ) (_: {
      enable = false;
    });
}
