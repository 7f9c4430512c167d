# Nothing that a server without a screen has no use for. What is left is measured with
#   nix path-info --closure-size --human-readable .#nixosConfigurations.appliance.config.system.build.toplevel
{ lib, modulesPath, ... }:
{
  imports = [ "${modulesPath}/profiles/minimal.nix" ];

  documentation = {
    enable = false;
    man.enable = false;
    doc.enable = false;
    info.enable = false;
    nixos.enable = false;
  };
  environment.defaultPackages = [ ];
  environment.stub-ld.enable = false;
  programs.nano.enable = false;
  programs.command-not-found.enable = false;
  fonts.fontconfig.enable = false;
  xdg = {
    autostart.enable = false;
    icons.enable = false;
    menus.enable = false;
    mime.enable = false;
    sounds.enable = false;
  };
  services.udisks2.enable = false;
  services.logrotate.enable = false;
  boot.enableContainers = false;
}
