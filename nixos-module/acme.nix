# Certificates by ACME (RFC 8555), for each host that has none by other means. Until the first one is
# there systemd's own placeholder, which no client trusts, lets the server start.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.services.cloister;
  inherit (cfg) acme;
  ours = import ./lib.nix { inherit lib; };

  hosts = lib.filter (host: host.acme) (lib.attrValues cfg.hosts);
  webName = host: lib.optional (host.web != null) (lib.head (lib.splitString ":" (lib.removePrefix "https://" host.web)));

  host =
    { config, ... }:
    {
      options = {
        acme = mkOption {
          type = types.bool;
          default = acme.enable && config.useACMEHost == null && config.certificate == null;
          defaultText = lib.literalMD "`acme.enable`, unless it has another certificate";
          description = "Whether the certificate comes by ACME.";
        };
        extraNames = mkOption {
          type = types.listOf types.str;
          default = [ ];
          example = [ "rooms.example.org" ];
          description = ''
            Names that the certificate has beside the domain and `web`. Clients need none: rooms and uploads
            have addresses without a host of their own, and every name of a certificate is published.
          '';
        };
      };

      config.table = lib.mkIf config.acme {
        certificate = "/var/lib/acme/${config.domain}/fullchain.pem";
        key_file = "/var/lib/acme/${config.domain}/key.pem";
      };
    };
in
{
  options.services.cloister = {
    hosts = mkOption { type = types.attrsOf (types.submodule host); };

    acme = {
      enable = mkOption {
        type = types.bool;
        default = true;
        description = "Whether hosts without a certificate get one by ACME (`security.acme`).";
      };

      email = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "admin@example.org";
        description = "Where the authority writes to. Setting it agrees to the authority's terms of service.";
      };

      challenge = mkOption {
        type = types.enum [
          "http"
          "webroot"
          "dns"
        ];
        default = "http";
        description = ''
          How the authority sees that a domain is yours. With `http` Cloister itself answers on port 80;
          with `webroot` another web server does, from `acme.webroot`; with `dns` records are
          made by way of `acme.dnsProvider`, and no port is needed.
        '';
      };

      webroot = mkOption {
        type = types.path;
        default = "/var/lib/acme/acme-challenge";
        description = "The directory in which the answers lie.";
      };

      dnsProvider = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "hetzner";
        description = "The name of a DNS provider that lego knows.";
      };

      environmentFile = mkOption {
        type = types.nullOr types.path;
        default = null;
        example = "/run/secrets/dns.env";
        description = "A file with variables that lego needs for the DNS provider.";
      };

      credentialFiles = mkOption {
        type = types.attrsOf types.path;
        default = { };
        example = lib.literalExpression ''{ HETZNER_API_KEY_FILE = "/run/secrets/dns"; }'';
        description = "Variables that lego needs for the DNS provider, each the path of a file.";
      };

      server = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "https://acme-staging-v02.api.letsencrypt.org/directory";
        description = "Another authority than that of `security.acme`, Let's Encrypt.";
      };
    };
  };

  config = lib.mkIf cfg.enable (
    lib.mkMerge [
      {
        assertions = [
          {
            assertion = (acme.challenge == "dns") == (acme.dnsProvider != null);
            message = "services.cloister.acme: challenge = \"dns\" and dnsProvider belong together; set both or neither.";
          }
        ];
      }
      (lib.mkIf (hosts != [ ]) {
        assertions = [
          {
            assertion =
              acme.email != null
              || config.security.acme.acceptTerms && config.security.acme.defaults.email != null;
            message = ''
              services.cloister.acme.email: the authority wants an address to write to. Setting it agrees to its terms of service.
              For certificates from elsewhere set services.cloister.hosts."DOMAIN".certificate and keyFile.
            '';
          }
        ];

        services.cloister.settings = lib.mkIf (acme.challenge == "http") {
          listen.acme = lib.mkDefault (ours.everywhere config.networking.enableIPv6 80);
          acme.webroot = acme.webroot;
        };

        security.acme = {
          acceptTerms = lib.mkIf (acme.email != null) true;
          certs = lib.listToAttrs (
            map (
              host:
              lib.nameValuePair host.domain (
                {
                  inherit (cfg.tls) group;
                  extraDomainNames = lib.remove host.domain (lib.unique (webName host ++ host.extraNames));
                  reloadServices = [ "cloister.service" ];
                }
                // lib.optionalAttrs (acme.email != null) { inherit (acme) email; }
                // lib.optionalAttrs (acme.server != null) { inherit (acme) server; }
                // (
                  if acme.challenge == "dns" then
                    {
                      inherit (acme) dnsProvider credentialFiles environmentFile;
                      webroot = null;
                    }
                  else
                    { webroot = acme.webroot; }
                )
              )
            ) hosts
          );
        };

        systemd.services.cloister = {
          after = map (host: "acme-${host.domain}.service") hosts;
          wants = map (host: "acme-${host.domain}.service") hosts;
        };
      })
    ]
  );
}
