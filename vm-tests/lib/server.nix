# A machine that serves the domain.
{
  self,
  domain,
  certificates,
}:
{ lib, pkgs, ... }:
{
  imports = [ self.nixosModules.default ];
  services.cloister = {
    enable = true;
    inherit domain;
    openFirewall = true;
    hosts.${domain} = {
      certificate = "/etc/cloister-test/certificate.pem";
      keyFile = "/etc/cloister-test/key.pem";
    };
  };
  # A key has to lie where not everybody reads it.
  environment.etc = {
    "cloister-test/certificate.pem".source = "${certificates}/certificate.pem";
    "cloister-test/key.pem" = {
      source = "${certificates}/key.pem";
      mode = "0640";
      group = "cloister-tls";
    };
  };
  environment.systemPackages = [ pkgs.openssl ];
  virtualisation.memorySize = lib.mkDefault 1024;
}
