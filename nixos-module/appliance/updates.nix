# Security updates, and the tools that only they need.
{ config, lib, ... }:
let
  cfg = config.services.cloister-appliance;
  wanted = cfg.updates.enable && !cfg.live;
in
{
  assertions = [
    {
      assertion = cfg.updates.enable -> cfg.updates.flake != null;
      message = "services.cloister-appliance.updates.enable needs updates.flake: where the updates come from";
    }
  ];

  system.autoUpgrade = lib.mkIf wanted {
    enable = true;
    inherit (cfg.updates) flake dates allowReboot;
  };
  nix = {
    enable = lib.mkDefault wanted;
    channel.enable = false;
    settings = lib.mkIf wanted {
      experimental-features = [
        "nix-command"
        "flakes"
      ];
      allowed-users = [ "root" ];
    };
    gc = lib.mkIf wanted {
      automatic = true;
      options = "--delete-older-than 30d";
    };
  };
  system.switch.enable = lib.mkDefault wanted;
  system.disableInstallerTools = lib.mkDefault (!wanted);
  system.tools.nixos-rebuild.enable = lib.mkDefault wanted;
}
