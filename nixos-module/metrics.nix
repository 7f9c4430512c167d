# What monitoring reads.
{ config, lib, ... }:

let
  cfg = config.services.cloister;
in
{
  options.services.cloister.metrics.enable = lib.mkEnableOption ''
    reading Cloister's metrics by the Prometheus of this machine. Others read `/metrics` at
    `console.address`; `docs/alerts.yml` has alarms'';

  config = lib.mkIf (cfg.enable && cfg.metrics.enable) {
    assertions = [
      {
        assertion = cfg.settings.listen.local != [ ];
        message = "services.cloister.metrics.enable reads from the operator's listener: set services.cloister.console.enable, too.";
      }
    ];
    services.prometheus.scrapeConfigs = lib.mkIf (cfg.settings.listen.local != [ ]) [
      {
        job_name = "cloister";
        static_configs = [ { targets = [ (lib.head cfg.settings.listen.local) ]; } ];
      }
    ];
  };
}
