# The operator's pages, which only this machine can reach: `cloister console` makes a link.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.services.cloister;
in
{
  options.services.cloister.console = {
    enable = mkOption {
      type = types.bool;
      default = true;
      description = ''
        Whether there is a listener for the operator on this machine, with the console, metrics and
        health.
      '';
    };
    address = mkOption {
      type = types.strMatching "(127(\\.[0-9]{1,3}){3}|\\[::1]):[0-9]{1,5}";
      default = "127.0.0.1:5280";
      description = "Its address. From elsewhere go through `ssh -L 5280:127.0.0.1:5280`.";
    };
  };

  config = lib.mkIf cfg.enable {
    services.cloister.settings.listen.local = lib.mkIf cfg.console.enable (
      lib.mkDefault [ cfg.console.address ]
    );
  };
}
