# Secrets are only ever paths. systemd reads the files as root and hands them to the server alone.
{ config, lib, ... }:

let
  cfg = config.services.cloister;
  ours = import ./lib.nix { inherit lib; };
  pepper = cfg.secrets.pepperFile;
in
{
  options.services.cloister.secrets.pepperFile = lib.mkOption {
    type = lib.types.nullOr ours.secretPath;
    default = null;
    example = "/run/secrets/cloister-pepper";
    description = ''
      A file with at least 32 random bytes that seal the stored passwords, so that who steals the data
      cannot even guess at them. Keep a copy apart from the backups: without it nobody can log in.
    '';
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      (ours.notInStore "secrets.pepperFile" pepper)
      {
        assertion = pepper != null || !(cfg.settings ? pepper_file);
        message = "services.cloister.settings.pepper_file: set services.cloister.secrets.pepperFile instead, so that the server gets to read it.";
      }
    ];
    services.cloister.settings = lib.mkIf (pepper != null) {
      pepper_file = "$CREDENTIALS_DIRECTORY/pepper";
    };
    systemd.services.cloister.serviceConfig.LoadCredential = lib.mkIf (pepper != null) [
      "pepper:${toString pepper}"
    ];
  };
}
