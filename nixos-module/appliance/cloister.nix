# The server as the appliance runs it. Which domain it is for is known when it runs, so what is built is a
# template: everything that services.cloister says, for a domain that cannot be anybody's.
{ config, lib, ... }:
let
  cfg = config.services.cloister;
  paths = import ./paths.nix;
  any = port: [
    "[::]:${toString port}"
    "0.0.0.0:${toString port}"
  ];
in
{
  services.cloister = {
    enable = true;
    openFirewall = true;
    configFile = paths.configuration;
    hosts.${paths.placeholder} = {
      certificate = "${paths.identity}/fullchain.pem";
      keyFile = "${paths.identity}/key.pem";
    };
    settings = {
      listen.acme = any 80;
      acme.webroot = paths.webroot;
    };
  };

  # Who gets the certificate; in the group are those who use it.
  users.users.${paths.user} = {
    isSystemUser = true;
    inherit (cfg.tls) group;
    description = "Certificate of the appliance";
  };

  # Both begin when there is a domain, which cloister-appliance-configure sees to.
  systemd.services.cloister = {
    wantedBy = lib.mkForce [ ];
    unitConfig.ConditionPathExists = paths.configuration;
  };
  systemd.sockets.cloister = {
    wantedBy = lib.mkForce [ ];
    unitConfig.ConditionPathExists = paths.configuration;
  };
}
