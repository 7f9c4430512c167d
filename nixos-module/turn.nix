# Calls across routers: a TURN server on this machine, whose credentials Cloister hands to people who
# are logged in (XEP-0215). The two share a secret, made at the first start unless there is one.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.services.cloister;
  ours = import ./lib.nix { inherit lib; };
  inherit (cfg) turn;

  made = "/var/lib/cloister-turn/secret";
  secret = if turn.secretFile == null then made else toString turn.secretFile;
in
{
  options.services.cloister.turn = {
    enable = lib.mkEnableOption "a TURN server (coturn) for calls, and its credentials for people who are logged in";

    domain = mkOption {
      type = types.nullOr ours.domain;
      default = cfg.domain;
      defaultText = lib.literalMD "`services.cloister.domain`";
      example = "turn.example.org";
      description = "The name at which phones reach the TURN server.";
    };

    secretFile = mkOption {
      type = types.nullOr ours.secretPath;
      default = null;
      example = "/run/secrets/turn";
      description = ''
        A file with the secret that both servers share; the user `turnserver` has to be able to read it.
        Without it one is made.
      '';
    };
  };

  config = lib.mkIf (cfg.enable && turn.enable) {
    assertions = [
      (ours.notInStore "turn.secretFile" turn.secretFile)
      {
        assertion = turn.domain != null;
        message = "services.cloister.turn.domain: with several hosts it has to be said at which name phones reach the TURN server.";
      }
    ];

    services.cloister.settings.turn = {
      domain = lib.mkIf (turn.domain != null) turn.domain;
      port = config.services.coturn.listening-port;
      secret_file = "$CREDENTIALS_DIRECTORY/turn";
    };

    services.coturn = {
      enable = true;
      realm = lib.mkIf (turn.domain != null) (lib.mkDefault turn.domain);
      use-auth-secret = true;
      static-auth-secret-file = secret;
      # Nobody gets at this machine's own services, or at its neighbours, by way of it.
      extraConfig = ''
        no-cli
        no-tlsv1
        no-tlsv1_1
        no-multicast-peers
        denied-peer-ip=0.0.0.0-0.255.255.255
        denied-peer-ip=10.0.0.0-10.255.255.255
        denied-peer-ip=100.64.0.0-100.127.255.255
        denied-peer-ip=127.0.0.0-127.255.255.255
        denied-peer-ip=169.254.0.0-169.254.255.255
        denied-peer-ip=172.16.0.0-172.31.255.255
        denied-peer-ip=192.168.0.0-192.168.255.255
        denied-peer-ip=::1
        denied-peer-ip=fc00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
        denied-peer-ip=fe80::-febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff
      '';
    };

    networking.firewall = lib.mkIf cfg.openFirewall {
      allowedTCPPorts = [ config.services.coturn.listening-port ];
      allowedUDPPorts = [ config.services.coturn.listening-port ];
      # What coturn relays through unless it is told otherwise.
      allowedUDPPortRanges = [
        {
          from = 49152;
          to = 65535;
        }
      ];
    };

    systemd.services = {
      cloister.serviceConfig.LoadCredential = [ "turn:${secret}" ];

      cloister-turn-secret = lib.mkIf (turn.secretFile == null) {
        description = "Secret that Cloister and the TURN server share";
        requiredBy = [
          "cloister.service"
          "coturn.service"
        ];
        before = [
          "cloister.service"
          "coturn.service"
        ];
        path = [ pkgs.openssl ];
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          StateDirectory = "cloister-turn";
          StateDirectoryMode = "0755";
          UMask = "0077";
          PrivateNetwork = true;
          ProtectSystem = "strict";
          ProtectHome = true;
          NoNewPrivileges = true;
        };
        script = ''
          if [ ! -s ${made} ]; then
            openssl rand -hex 32 > ${made}.new
            chown turnserver ${made}.new
            mv ${made}.new ${made}
          fi
        '';
      };
    };
  };
}
