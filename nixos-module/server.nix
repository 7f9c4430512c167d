# Whether there is a server, which one, and the file that configures it.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.services.cloister;
  toml = pkgs.formats.toml { };
  ours = import ./lib.nix { inherit lib; };

  addresses =
    default: description:
    mkOption {
      type = types.listOf ours.socketAddress;
      inherit default description;
    };
  everywhere = port: ours.everywhere config.networking.enableIPv6 port;

  generated = toml.generate "cloister.toml" (ours.set cfg.settings // { host = cfg.hostTables; });
in
{
  options.services.cloister = {
    enable = lib.mkEnableOption "Cloister, a closed XMPP server";

    package = mkOption {
      type = types.package;
      default = pkgs.callPackage ../server/package.nix { };
      defaultText = lib.literalMD "built from this flake's source with the system's `pkgs`";
      description = "The package to run.";
    };

    settings = mkOption {
      description = ''
        The configuration file, without its `[[host]]` tables, as `docs/configuration.md` describes it. What
        is not set has the server's own default. It is checked when the system is built.
      '';
      default = { };
      example = lib.literalExpression ''
        {
          limits.resources_per_account = 32;
          timeouts.idle = "15m";
        }
      '';
      type = types.submodule {
        freeformType = toml.type;
        options.listen = {
          c2s = addresses (everywhere 5222) "Where clients connect that begin in clear and must switch to TLS first (STARTTLS).";
          c2s_tls = addresses (everywhere 5223) "Where clients connect that begin with TLS.";
          https = addresses (everywhere 443) "Where files, invitations and browsers are served, and XMPP to who asks for it (ALPN).";
          http = addresses [ ] "The same for a web server on this machine that does the TLS; loopback only.";
          acme = addresses [ ] ''
            Where certificate authorities check a domain; everything else is led to HTTPS. `acme.challenge`
            sets it.
          '';
          local = addresses [ ] "Console, metrics and health; loopback only. `console.address` sets it.";
        };
      };
    };

    configFile = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "/var/lib/example/cloister.toml";
      description = ''
        A configuration file that is made while the system runs, instead of the one made of `settings` and
        `hosts`. It is not checked when the system is built.
      '';
    };

    generatedConfig = mkOption {
      type = types.package;
      internal = true;
      readOnly = true;
      default = generated;
      description = "The file made of `settings` and `hosts`.";
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = cfg.configFile != null || cfg.hosts != { };
        message = ''services.cloister needs to know whom it serves: set services.cloister.domain = "example.org".'';
      }
      {
        assertion = !(cfg.settings ? host);
        message = "services.cloister.settings.host is made of services.cloister.hosts: set services.cloister.hosts.\"DOMAIN\".settings.";
      }
      {
        assertion = lib.all ours.isLoopback (cfg.settings.listen.http ++ cfg.settings.listen.local);
        message = "services.cloister.settings.listen: http and local are for this machine alone; write 127.0.0.1 or [::1].";
      }
      {
        assertion =
          let
            l = cfg.settings.listen;
            all = l.c2s ++ l.c2s_tls ++ l.https ++ l.http ++ l.acme ++ l.local;
          in
          lib.allUnique all && lib.all (text: (ours.address text).port > 0) all;
        message = "services.cloister.settings.listen: each address can be used once, and needs a port of its own: systemd listens there.";
      }
    ];

    environment.etc."cloister/cloister.toml" = lib.mkIf (cfg.configFile == null) {
      source = cfg.generatedConfig;
    };

    # A system with a mistake in it does not build.
    system.extraDependencies = lib.mkIf (cfg.configFile == null) (
      lib.optional (pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform) (
        pkgs.runCommand "cloister-configuration-is-right" { } ''
          ${lib.getExe cfg.package} check-config --syntax-only ${cfg.generatedConfig}
          touch $out
        ''
      )
    );
  };
}
