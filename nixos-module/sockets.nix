# The ports: systemd listens and hands them over, so that the server needs neither a capability nor a
# network of its own, and who connects while it restarts waits instead of being refused.
{ config, lib, ... }:

let
  cfg = config.services.cloister;
  ours = import ./lib.nix { inherit lib; };

  inherit (cfg.settings) listen;
  public = listen.c2s ++ listen.c2s_tls ++ listen.https ++ listen.acme;
  outside = lib.filter (text: !ours.isLoopback text) public;
in
{
  options.services.cloister.openFirewall = lib.mkEnableOption "the ports of `settings.listen` in the firewall, and no other";

  config = lib.mkIf cfg.enable {
    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall (
      lib.unique (map (text: (ours.address text).port) outside)
    );

    systemd.sockets.cloister = {
      description = "Ports of the Cloister XMPP server";
      wantedBy = [ "sockets.target" ];
      listenStreams = public ++ listen.http ++ listen.local;
      socketConfig = {
        # `[::]` is IPv6 alone; IPv4 has a socket of its own.
        BindIPv6Only = "ipv6-only";
        # An address that is still to come does not keep the machine from booting.
        FreeBind = true;
        # As many as the server itself would let wait.
        Backlog = 1024;
        NoDelay = true;
        # A stranger who connects again and again does not close the ports.
        TriggerLimitIntervalSec = 0;
      };
    };
  };
}
