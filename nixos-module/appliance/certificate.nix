# The certificate. security.acme has to know its names when the system is built; here the domain is
# known when it runs.
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

  certificate = program {
    name = "certificate";
    functions = [
      "names"
      "cloud-config"
      "addresses"
      "dns"
    ];
    inputs = with pkgs; [
      curl
      getent
      gnugrep
      gnused
      iproute2
      jq
      lego
      openssl
    ];
  };
  reload = program {
    name = "reload";
    inputs = [ config.systemd.package ];
  };
in
{
  # Started for a domain by cloister-appliance-configure.
  systemd.services.cloister-appliance-certificate = {
    description = "Certificate of the domain";
    wants = [ "network-online.target" ];
    after = [
      "network-online.target"
      "cloister-appliance-configure.service"
    ];
    unitConfig.ConditionPathExists = "${paths.identity}/domain";
    environment = {
      IDENTITY = paths.identity;
      LEGO = paths.lego;
      WEBROOT = paths.webroot;
      RETRY = "${paths.terminals}/retry";
      SERVER = cfg.acme.server;
      EMAIL = lib.optionalString (cfg.acme.email != null) cfg.acme.email;
      LEGO_CA_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";
    };
    serviceConfig = import ./sandbox.nix // {
      Type = "exec";
      ExecStart = lib.getExe certificate;
      # Outside the sandbox: it has Cloister read the certificate.
      ExecStopPost = "+${lib.getExe reload}";
      Restart = "on-failure";
      RestartSec = "60s";
      User = paths.user;
      Group = config.services.cloister.tls.group;
      UMask = "0027";
      StateDirectory = [
        "cloister-appliance/identity"
        "cloister-appliance/lego"
        "acme/acme-challenge"
      ];
      StateDirectoryMode = "0750";
      RuntimeDirectory = "cloister-appliance-certificate";
      RuntimeDirectoryPreserve = true;
      PrivateDevices = true;
      RestrictAddressFamilies = [
        "AF_INET"
        "AF_INET6"
        "AF_NETLINK"
        "AF_UNIX"
      ];
      MemoryMax = "512M";
    };
  };

  systemd.timers.cloister-appliance-certificate = {
    description = "Renewal of the domain's certificate";
    wantedBy = [ "timers.target" ];
    timerConfig = {
      OnCalendar = "daily";
      RandomizedDelaySec = "12h";
      Persistent = true;
    };
  };
}
