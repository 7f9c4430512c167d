# Where the domain and root's keys come from, and the configuration that follows.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.cloister-appliance;
  paths = import ./paths.nix;
  sandbox = import ./sandbox.nix;
  program = import ./program.nix { inherit lib pkgs; };

  medium = program {
    name = "medium";
    functions = [
      "names"
      "cloud-config"
    ];
    inputs = [ pkgs.util-linux ];
  };
  cloud = program {
    name = "cloud";
    functions = [
      "names"
      "cloud-config"
    ];
    inputs = [ pkgs.curl ];
  };
  configure = program {
    name = "configure";
    functions = [
      "names"
      "cloud-config"
    ];
    inputs = [
      pkgs.openssl
      config.services.cloister.package
    ];
  };
  apply = program {
    name = "apply";
    inputs = [ config.systemd.package ];
  };
in
{
  systemd.services.cloister-appliance-medium = {
    description = "Domain and keys from the boot medium";
    wantedBy = [ "multi-user.target" ];
    before = [ "cloister-appliance-configure.service" ];
    environment = {
      FOLDERS = toString cfg.media.folders;
      LABELS = toString cfg.media.labels;
    };
    serviceConfig = sandbox // {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = lib.getExe medium;
      RuntimeDirectory = "cloister-appliance-medium";
      TimeoutStartSec = "60s";
      # It mounts, in a namespace of its own, and has no network. Folders and files may be whoever's.
      CapabilityBoundingSet = [
        "CAP_DAC_READ_SEARCH"
        "CAP_SYS_ADMIN"
      ];
      SystemCallFilter = [
        "@system-service"
        "@mount"
        "~@resources"
      ];
      PrivateNetwork = true;
      RestrictAddressFamilies = "none";
      DevicePolicy = "closed";
      DeviceAllow = [ "block-* r" ];
    };
  };

  systemd.services.cloister-appliance-cloud = lib.mkIf (cfg.cloud != "off") {
    description = "Domain and keys from the cloud";
    wantedBy = [ "multi-user.target" ];
    before = [ "cloister-appliance-configure.service" ];
    environment.CLOUD = cfg.cloud;
    serviceConfig = sandbox // {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = lib.getExe cloud;
      DynamicUser = true;
      RuntimeDirectory = "cloister-appliance-cloud";
      TimeoutStartSec = "90s";
      PrivateDevices = true;
      RestrictAddressFamilies = [
        "AF_INET"
        "AF_UNIX"
      ];
      IPAddressDeny = "any";
      IPAddressAllow = "169.254.169.254";
    };
  };

  systemd.services.cloister-appliance-configure = {
    description = "Configuration of Cloister for its domain";
    wantedBy = [ "multi-user.target" ];
    after = [
      "cloister-appliance-medium.service"
      "cloister-appliance-cloud.service"
    ];
    environment = {
      TEMPLATE = "${config.services.cloister.generatedConfig}";
      PLACEHOLDER = paths.placeholder;
      CONFIG = paths.configuration;
      IDENTITY = paths.identity;
      ANSWER = "${paths.console}/domain";
      MEDIUM = "${paths.medium}/domain";
      CLOUD = "${paths.cloud}/domain";
    };
    serviceConfig = sandbox // {
      Type = "oneshot";
      ExecStart = lib.getExe configure;
      # Outside the sandbox: it has the units begin that wait for a domain.
      ExecStartPost = "+${lib.getExe apply}";
      User = paths.user;
      Group = config.services.cloister.tls.group;
      StateDirectory = [
        "cloister-appliance/identity"
        "acme/acme-challenge"
      ];
      StateDirectoryMode = "0750";
      RuntimeDirectory = "cloister-appliance";
      RuntimeDirectoryPreserve = true;
      PrivateDevices = true;
      PrivateNetwork = true;
      RestrictAddressFamilies = [ "AF_UNIX" ];
    };
  };

  # What is typed on a console is a file there.
  systemd.paths.cloister-appliance-configure = {
    description = "A domain typed on the console";
    wantedBy = [ "multi-user.target" ];
    pathConfig.PathChanged = "${paths.console}/domain";
  };
}
