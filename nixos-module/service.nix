# The unit and its sandbox. The server can read its configuration and certificates, write its own
# directory, and talk to who was handed to it by the socket; it can reach nobody.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.services.cloister;

  # What a running server does not take up on reload: `cloister serve` warns of the same.
  settled = {
    inherit (cfg.settings) listen;
    rest = lib.attrsets.getAttrs (lib.intersectLists (lib.attrNames cfg.settings) [
      "admin_socket"
      "pepper_file"
      "store"
      "worker_threads"
    ]) cfg.settings;
    limits = lib.intersectAttrs {
      connections = null;
      connections_per_address = null;
      login_failures = null;
      login_failure_window = null;
    } (cfg.settings.limits or { });
    hashing_slots = cfg.settings.auth.hashing_slots or null;
  };

  connections = cfg.settings.limits.connections or 20000;
in
{
  options.services.cloister = {
    memoryMax = mkOption {
      type = types.strMatching "[0-9]+[KMGT]?|infinity";
      default = "2G";
      description = "The most memory that the server may take, as in systemd.resource-control(5).";
    };

    sandbox = mkOption {
      type = types.attrsOf types.raw;
      internal = true;
      readOnly = true;
      description = "What holds for every unit that acts for the server.";
      default = {
        DynamicUser = true;
        User = "cloister";
        UMask = "0077";

        CapabilityBoundingSet = "";
        AmbientCapabilities = "";
        NoNewPrivileges = true;
        RestrictSUIDSGID = true;
        SecureBits = "noroot-locked";

        ProtectSystem = "strict";
        ProtectHome = true;
        PrivateTmp = true;
        PrivateDevices = true;
        PrivateMounts = true;
        PrivateUsers = true;
        PrivateIPC = true;
        RemoveIPC = true;
        DevicePolicy = "closed";
        KeyringMode = "private";

        ProtectClock = true;
        ProtectControlGroups = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectKernelTunables = true;
        ProtectProc = "invisible";
        ProcSubset = "pid";

        # Who was accepted by the socket unit is not concerned: these are about what is opened here.
        PrivateNetwork = true;
        IPAddressDeny = "any";
        RestrictAddressFamilies = "AF_UNIX";

        LockPersonality = true;
        MemoryDenyWriteExecute = true;
        RestrictNamespaces = true;
        RestrictRealtime = true;
        SystemCallArchitectures = "native";
        SystemCallFilter = [
          "@system-service"
          "~@privileged @resources"
        ];
        SystemCallErrorNumber = "EPERM";
      };
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = cfg.settings.data_dir or "/var/lib/cloister" == "/var/lib/cloister";
        message = "services.cloister.settings.data_dir is /var/lib/cloister: mount another disk there.";
      }
      {
        assertion = cfg.settings.admin_socket or "/run/cloister/admin.sock" == "/run/cloister/admin.sock";
        message = "services.cloister.settings.admin_socket is /run/cloister/admin.sock, where the commands look for it.";
      }
    ];

    systemd.services.cloister = {
      description = "Cloister XMPP server";
      documentation = [ "man:cloister(1)" ];
      wantedBy = [ "multi-user.target" ];
      requires = [ "cloister.socket" ];
      after = [
        "cloister.socket"
        "network.target"
      ];
      restartTriggers = [ (builtins.toJSON settled) ];
      reloadTriggers = lib.optional (cfg.configFile == null) cfg.generatedConfig;
      # Its sockets stay while it is restarted; it does not wait for somebody to connect.
      notSocketActivated = true;
      startLimitIntervalSec = 60;
      startLimitBurst = 10;
      enableDefaultPath = false;

      serviceConfig = cfg.sandbox // {
        Type = "notify-reload";
        NotifyAccess = "main";
        ExecStart =
          "${lib.getExe cfg.package} serve --config "
          + (if cfg.configFile == null then "/etc/cloister/cloister.toml" else cfg.configFile);
        StateDirectory = "cloister";
        StateDirectoryMode = "0700";
        RuntimeDirectory = "cloister";
        RuntimeDirectoryMode = "0700";

        Restart = "always";
        RestartSec = 2;
        WatchdogSec = 30;
        # A database of many gigabytes is looked through after a crash.
        TimeoutStartSec = "15min";
        # Longer than the server gives what is under way.
        TimeoutStopSec = 90;

        # Each file that is uploaded is one, too.
        LimitNOFILE = connections + 10000;
        TasksMax = 1024;
        MemoryMax = cfg.memoryMax;
        # Passwords and messages do not get to the disk by way of the swap.
        MemorySwapMax = 0;
        LimitCORE = 0;
      };
    };
  };
}
