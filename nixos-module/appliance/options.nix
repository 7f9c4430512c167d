{ lib, pkgs, ... }:
let
  inherit (lib) mkOption types;
  serial = import ./serial.nix { inherit pkgs; };
in
{
  options.services.cloister-appliance = {
    consoles = mkOption {
      type = types.listOf (types.strMatching "[A-Za-z0-9/]+");
      default = [
        "tty1"
        serial
      ];
      defaultText = lib.literalMD "`tty1` and `ttyS0`, or `ttyAMA0` on ARM";
      example = [ "hvc0" ];
      description = ''
        The terminals, below `/dev`, on which the appliance asks for its domain, says what is missing and
        shows the first invitation. Those that a machine does not have are left out. Nobody can log
        in there.
      '';
    };

    media = {
      folders = mkOption {
        type = types.listOf types.path;
        default = [
          "/boot"
          "/iso"
        ];
        description = ''
          Folders in which `cloister-domain` (a file with the domain), `cloister.toml` (of which only the domain
          is taken), `authorized_keys`, or a cloud's `user-data` and `meta-data` are looked for at
          each start.
        '';
      };
      labels = mkOption {
        type = types.listOf (types.strMatching "[A-Za-z0-9_-]+");
        default = [
          "CLOISTER"
          "cloister"
          "cidata"
          "CIDATA"
        ];
        description = "Labels of disks on which the same files are looked for. They are mounted read-only, for a moment.";
      };
    };

    cloud = mkOption {
      type = types.enum [
        "detect"
        "off"
        "ec2"
        "digitalocean"
        "hetzner"
        "google"
      ];
      default = "detect";
      description = ''
        Which cloud's metadata service is asked for a domain and ssh keys. With `detect` it is the one that the
        machine's firmware names, and none on a machine of one's own.
      '';
    };

    acme = {
      server = mkOption {
        type = types.str;
        default = "https://acme-v02.api.letsencrypt.org/directory";
        description = "The authority that is asked for the certificate. The console says that a domain is entered under its terms.";
      };
      email = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "admin@example.org";
        description = "Where the authority reaches the operator; `hostmaster@` and the domain if it is null.";
      };
    };

    live = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether the system runs from memory, as from the ISO. What must last then lies on a disk labelled
        `cloister-data`; without one the console says that everything is lost.
      '';
    };

    updates = {
      enable = mkOption {
        type = types.bool;
        default = false;
        description = "Whether security updates are installed by themselves. It needs Nix and its tools, so the image is larger.";
      };
      flake = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "github:example/cloister#appliance";
        description = "The flake that updates come from, with the name of its configuration.";
      };
      dates = mkOption {
        type = types.str;
        default = "04:40";
        description = "When to look for updates, as in {manpage}`systemd.time(7)`.";
      };
      allowReboot = mkOption {
        type = types.bool;
        default = false;
        description = "Whether the machine may start again when an update needs that, such as a new kernel's.";
      };
    };
  };
}
