# Which certificate a host has: one from `acme.nix`, one that the system gets for somebody else, or
# one that is put there by other means. Reloading the server brings a new one to new connections.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.services.cloister;
  ours = import ./lib.nix { inherit lib; };
  inherit (config.security.acme) certs;
  # This module names every such certificate itself, below; one that is really there says how it is got.
  isDeclared =
    name:
    lib.any (option: certs.${name}.${option} or null != null) [
      "dnsProvider"
      "listenHTTP"
      "s3Bucket"
      "webroot"
    ];

  hosts = lib.attrValues cfg.hosts;
  shared = lib.filter (host: host.useACMEHost != null) hosts;

  host =
    { config, ... }:
    {
      options = {
        certificate = mkOption {
          type = types.nullOr types.str;
          default = null;
          example = "/var/lib/certificates/example.org/fullchain.pem";
          description = "The certificate with its chain in PEM form, where ACME does not get it.";
        };
        keyFile = mkOption {
          type = types.nullOr ours.secretPath;
          default = null;
          example = "/var/lib/certificates/example.org/key.pem";
          description = "Its private key. The group `services.cloister.tls.group` has to be able to read it.";
        };
        useACMEHost = mkOption {
          type = types.nullOr types.str;
          default = null;
          example = "example.org";
          description = "The name of a certificate in `security.acme.certs` that is there already, such as a wildcard.";
        };
      };

      config.table = lib.mkMerge [
        { inherit (config) domain encryption; }
        (ours.set { inherit (config) web; })
        (lib.mkIf (config.contact != { }) { inherit (config) contact; })
        (lib.mkIf (config.certificate != null && config.keyFile != null) {
          inherit (config) certificate;
          key_file = toString config.keyFile;
        })
        (lib.mkIf (config.useACMEHost != null) {
          certificate = "${certs.${config.useACMEHost}.directory}/fullchain.pem";
          key_file = "${certs.${config.useACMEHost}.directory}/key.pem";
        })
      ];
    };
in
{
  options.services.cloister = {
    hosts = mkOption { type = types.attrsOf (types.submodule host); };

    tls = {
      minVersion = mkOption {
        type = types.enum [
          "1.2"
          "1.3"
        ];
        default = "1.3";
        description = "The oldest version of TLS that a client may use. `1.2` is for clients from before 2019.";
      };
      group = mkOption {
        type = types.str;
        default = "cloister-tls";
        description = "The group that can read keys of certificates. The server is in it.";
      };
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = lib.concatMap (host: [
      (ours.notInStore ''hosts."${host.domain}".keyFile'' host.keyFile)
      {
        assertion = (host.certificate == null) == (host.keyFile == null);
        message = ''services.cloister.hosts."${host.domain}": certificate and keyFile belong together; set both.'';
      }
      {
        assertion =
          lib.count lib.id [
            (host.certificate != null)
            (host.useACMEHost != null)
            host.acme
          ] == 1;
        message = ''services.cloister.hosts."${host.domain}" needs one certificate: from acme (with services.cloister.acme.enable), useACMEHost, or certificate and keyFile.'';
      }
      {
        assertion = host.useACMEHost == null || isDeclared host.useACMEHost;
        message = ''services.cloister.hosts."${host.domain}".useACMEHost: there is no security.acme.certs."${toString host.useACMEHost}".'';
      }
    ]) hosts;

    users.groups.${cfg.tls.group} = { };

    services.cloister.settings.tls.min_version = lib.mkDefault cfg.tls.minVersion;

    systemd.services.cloister = {
      serviceConfig.SupplementaryGroups = [
        cfg.tls.group
      ]
      ++ map (host: certs.${host.useACMEHost}.group) shared;
      after = map (host: "acme-${host.useACMEHost}.service") shared;
      wants = map (host: "acme-${host.useACMEHost}.service") shared;
    };

    security.acme.certs = lib.genAttrs (map (host: host.useACMEHost) shared) (_: {
      reloadServices = [ "cloister.service" ];
    });
  };
}
