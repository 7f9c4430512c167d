# Files that people send each other: what holds for all hosts, and where one of them differs.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.services.cloister;
  ours = import ./lib.nix { inherit lib; };

  # The same for all hosts and for one, whose default is that of all.
  choices = inherited: {
    enable = mkOption {
      type = types.bool;
      default = inherited.enable or true;
      defaultText = lib.literalMD "`true`, or that of `services.cloister.upload`";
      description = "Whether people can upload files.";
    };
    maxFileSize = mkOption {
      type = types.nullOr ours.size;
      default = inherited.maxFileSize or null;
      defaultText = lib.literalMD "512 MiB, or that of `services.cloister.upload`";
      example = "100 MiB";
      description = "The largest file.";
    };
    quota = mkOption {
      type = types.nullOr ours.size;
      default = inherited.quota or null;
      defaultText = lib.literalMD "5 GiB, or that of `services.cloister.upload`";
      example = "1 GiB";
      description = "How much the files of one account may take in all.";
    };
    retention = mkOption {
      type = types.nullOr ours.retention;
      default = inherited.retention or null;
      defaultText = lib.literalMD "that of messages, or that of `services.cloister.upload`";
      example = "30d";
      description = "How long files are kept.";
    };
  };

  host =
    { config, ... }:
    {
      options.upload = choices cfg.upload;
      config.table.upload = ours.set {
        enabled = config.upload.enable;
        file_bytes = config.upload.maxFileSize;
        account_bytes = config.upload.quota;
        inherit (config.upload) retention;
      };
    };
in
{
  options.services.cloister = {
    hosts = mkOption { type = types.attrsOf (types.submodule host); };
    upload = choices { } // {
      total = mkOption {
        type = types.nullOr ours.size;
        default = null;
        example = "200 GiB";
        description = "How much all files may take in all; 50 GiB without it.";
      };
    };
  };

  config = lib.mkIf (cfg.enable && cfg.upload.total != null) {
    services.cloister.settings.upload.total_bytes = cfg.upload.total;
  };
}
