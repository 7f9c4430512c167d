# Configurations, and what is to become of each: `refused` with that sentence, accepted so that
# something `holds`, or not even evaluated.
{ lib }:

let
  # The least that serves, with something else.
  with' = more: {
    imports = [
      {
        services.cloister = {
          enable = true;
          domain = "example.org";
          acme.email = "admin@example.org";
        };
      }
      { services.cloister = more; }
    ];
  };
  own = {
    certificate = "/var/lib/certificates/fullchain.pem";
    keyFile = "/var/lib/certificates/key.pem";
  };
  inTheStore = "${builtins.storeDir}/00000000000000000000000000000000-secret";

  unit = config: config.systemd.services.cloister;
  host = config: lib.head config.services.cloister.hostTables;
in
[
  {
    name = "nothing is configured until it is enabled";
    configuration = { };
    holds =
      config:
      !(config.systemd.services ? cloister)
      && !(config.systemd.sockets ? cloister)
      && config.security.acme.certs == { }
      && !(config.environment.etc ? "cloister/cloister.toml");
  }
  {
    name = "a domain and an address are enough";
    configuration = with' { };
    holds = config: (host config).domain == "example.org";
  }
  {
    name = "a server without a domain is refused";
    configuration.services.cloister.enable = true;
    refused = "needs to know whom it serves";
  }
  {
    name = "a file made at run time needs no domain";
    configuration.services.cloister = {
      enable = true;
      configFile = "/var/lib/other/cloister.toml";
    };
    holds = config: lib.hasSuffix "/var/lib/other/cloister.toml" (unit config).serviceConfig.ExecStart;
  }

  # Options.
  {
    name = "an option that does not exist is a mistake";
    configuration = with' { retentoin = "30d"; };
    evaluates = false;
  }
  {
    name = "an option of a host that does not exist is a mistake";
    configuration = with' { hosts."example.org".retentoin = "30d"; };
    evaluates = false;
  }
  {
    name = "a number is no duration";
    configuration = with' { retention = 30; };
    evaluates = false;
  }
  {
    name = "a duration without a unit is a mistake";
    configuration = with' { retention = "30"; };
    evaluates = false;
  }
  {
    name = "settings that the module does not know go into the file";
    configuration = with' { settings.limits.resources_per_account = 32; };
    holds = config: config.services.cloister.settings.limits.resources_per_account == 32;
  }
  {
    name = "hosts are not written into settings";
    configuration = with' { settings.host = [ { domain = "example.org"; } ]; };
    refused = "is made of services.cloister.hosts";
  }
  {
    name = "the directory of the data cannot be moved";
    configuration = with' { settings.data_dir = "/srv/cloister"; };
    refused = "mount another disk there";
  }
  {
    name = "the directory of the data can be said as it is";
    configuration = with' { settings.data_dir = "/var/lib/cloister"; };
  }
  {
    name = "the socket of the commands cannot be moved";
    configuration = with' { settings.admin_socket = "/tmp/admin.sock"; };
    refused = "where the commands look for it";
  }
  {
    name = "the socket of the commands can be said as it is";
    configuration = with' { settings.admin_socket = "/run/cloister/admin.sock"; };
  }

  # Addresses and the firewall.
  {
    name = "the firewall stays closed unless it is asked to open";
    configuration = with' { };
    holds = config: config.networking.firewall.allowedTCPPorts == [ ];
  }
  {
    name = "the firewall opens the ports that are listened on, and no other";
    configuration = with' { openFirewall = true; };
    holds =
      config:
      config.networking.firewall.allowedTCPPorts == [
        80
        443
        5222
        5223
      ];
  }
  {
    name = "the firewall follows the configuration";
    configuration = with' {
      openFirewall = true;
      hosts."example.org" = own;
      settings.listen = {
        c2s = [ ];
        c2s_tls = [ "[::]:5323" ];
        https = [ "127.0.0.1:8443" ];
      };
    };
    holds = config: config.networking.firewall.allowedTCPPorts == [ 5323 ];
  }
  {
    name = "systemd listens wherever the server is asked to";
    configuration = with' { };
    holds =
      config:
      lib.sort lib.lessThan config.systemd.sockets.cloister.listenStreams == [
        "0.0.0.0:443"
        "0.0.0.0:5222"
        "0.0.0.0:5223"
        "0.0.0.0:80"
        "127.0.0.1:5280"
        "[::]:443"
        "[::]:5222"
        "[::]:5223"
        "[::]:80"
      ];
  }
  {
    name = "without IPv6 nothing listens there";
    configuration = {
      imports = [ (with' { }) ];
      networking.enableIPv6 = false;
    };
    holds =
      config: !lib.any (lib.hasPrefix "[") config.systemd.sockets.cloister.listenStreams;
  }
  {
    name = "an address cannot be used twice";
    configuration = with' { settings.listen.c2s_tls = [ "[::]:5222" ]; };
    refused = "each address can be used once";
  }
  {
    name = "any port is no port for systemd";
    configuration = with' { settings.listen.c2s = [ "[::]:0" ]; };
    refused = "needs a port of its own";
  }
  {
    name = "HTTP in clear is for this machine alone";
    configuration = with' { settings.listen.http = [ "0.0.0.0:5281" ]; };
    refused = "are for this machine alone";
  }
  {
    name = "HTTP in clear can be had on this machine";
    configuration = with' { settings.listen.http = [ "127.0.0.1:5281" ]; };
  }
  {
    name = "the console is not for the world";
    configuration = with' { console.address = "0.0.0.0:5280"; };
    evaluates = false;
  }
  {
    name = "without the console nothing listens for the operator";
    configuration = with' { console.enable = false; };
    holds = config: config.services.cloister.settings.listen.local == [ ];
  }

  # Certificates.
  {
    name = "certificates by ACME need an address for the authority";
    configuration = {
      services.cloister = {
        enable = true;
        domain = "example.org";
      };
    };
    refused = "the authority wants an address";
  }
  {
    name = "the address that the system gives the authority serves as well";
    configuration = {
      services.cloister = {
        enable = true;
        domain = "example.org";
      };
      security.acme = {
        acceptTerms = true;
        defaults.email = "admin@example.org";
      };
    };
  }
  {
    name = "a certificate is got for the domain and its pages, and reloads the server";
    configuration = with' { hosts."example.org".web = "https://chat.example.org:8443"; };
    holds =
      config:
      let
        certificate = config.security.acme.certs."example.org";
      in
      certificate.extraDomainNames == [ "chat.example.org" ]
      && certificate.reloadServices == [ "cloister.service" ]
      && certificate.webroot == config.services.cloister.settings.acme.webroot
      && lib.elem certificate.group (unit config).serviceConfig.SupplementaryGroups
      && (host config).certificate == "${certificate.directory}/fullchain.pem";
  }
  {
    name = "names that are asked for are in the certificate";
    configuration = with' { hosts."example.org".extraNames = [ "rooms.example.org" ]; };
    holds = config: config.security.acme.certs."example.org".extraDomainNames == [ "rooms.example.org" ];
  }
  {
    name = "by DNS no port is needed";
    configuration = with' {
      openFirewall = true;
      acme = {
        challenge = "dns";
        dnsProvider = "hetzner";
        environmentFile = "/run/secrets/dns.env";
      };
    };
    holds =
      config:
      config.services.cloister.settings.listen.acme == [ ]
      && !(lib.elem 80 config.networking.firewall.allowedTCPPorts)
      && config.security.acme.certs."example.org".dnsProvider == "hetzner";
  }
  {
    name = "by DNS a provider is needed";
    configuration = with' { acme.challenge = "dns"; };
    refused = "belong together; set both or neither";
  }
  {
    name = "with another web server port 80 is not ours";
    configuration = with' { acme.challenge = "webroot"; };
    holds = config: config.services.cloister.settings.listen.acme == [ ];
  }
  {
    name = "a certificate from elsewhere needs no authority";
    configuration = {
      services.cloister = {
        enable = true;
        hosts."example.org" = own;
      };
    };
    holds =
      config:
      config.security.acme.certs == { }
      && (host config).key_file == own.keyFile
      && config.services.cloister.settings.listen.acme == [ ];
  }
  {
    name = "a certificate needs its key";
    configuration = with' { hosts."example.org" = removeAttrs own [ "keyFile" ]; };
    refused = "certificate and keyFile belong together";
  }
  {
    name = "a host has one certificate and not two";
    configuration = with' {
      hosts."example.org" = own // {
        acme = true;
      };
    };
    refused = "needs one certificate";
  }
  {
    name = "a host has a certificate";
    configuration = with' { acme.enable = false; };
    refused = "needs one certificate";
  }
  {
    name = "a certificate of somebody else is shared";
    configuration = {
      imports = [ (with' { hosts."example.org".useACMEHost = "wild"; }) ];
      security.acme = {
        acceptTerms = true;
        certs.wild = {
          email = "admin@example.org";
          domain = "*.example.org";
          webroot = "/var/lib/acme/acme-challenge";
        };
      };
    };
    holds =
      config:
      config.security.acme.certs.wild.reloadServices == [ "cloister.service" ]
      && (host config).certificate == "${config.security.acme.certs.wild.directory}/fullchain.pem"
      && !(config.security.acme.certs ? "example.org");
  }
  {
    name = "a certificate of somebody else has to be there";
    configuration = with' { hosts."example.org".useACMEHost = "wild"; };
    refused = "there is no security.acme.certs.\"wild\"";
  }

  # Secrets.
  {
    name = "a key in the store is refused";
    configuration = with' {
      hosts."example.org" = own // {
        keyFile = inTheStore;
      };
    };
    refused = "lies in the Nix store";
  }
  {
    name = "a path that would be copied into the store is refused";
    configuration = with' { secrets.pepperFile = ./cases.nix; };
    refused = "lies in the Nix store";
  }
  {
    name = "a pepper in the store is refused";
    configuration = with' { secrets.pepperFile = inTheStore; };
    refused = "lies in the Nix store";
  }
  {
    name = "a pepper is handed to the server alone";
    configuration = with' { secrets.pepperFile = "/run/secrets/pepper"; };
    holds =
      config:
      (unit config).serviceConfig.LoadCredential == [ "pepper:/run/secrets/pepper" ]
      && config.services.cloister.settings.pepper_file == "$CREDENTIALS_DIRECTORY/pepper";
  }
  {
    name = "a pepper that the server could not read is refused";
    configuration = with' { settings.pepper_file = "/run/secrets/pepper"; };
    refused = "set services.cloister.secrets.pepperFile instead";
  }
  {
    name = "a password in the store is refused";
    configuration = with' { accounts.alice.passwordFile = inTheStore; };
    refused = "lies in the Nix store";
  }
  {
    name = "the password of a room in the store is refused";
    configuration = with' {
      declaredRooms."family@rooms.example.org".password_file = inTheStore;
    };
    refused = "lies in the Nix store";
  }
  {
    name = "the password of a room is handed to what makes the room alone";
    configuration = with' {
      declaredRooms."family@rooms.example.org".password_file = "/run/secrets/family";
    };
    holds =
      config:
      lib.hasSuffix ":/run/secrets/family" (
        lib.head config.systemd.services.cloister-provision.serviceConfig.LoadCredential
      );
  }
  {
    name = "the secret of the TURN server in the store is refused";
    configuration = with' {
      turn = {
        enable = true;
        secretFile = inTheStore;
      };
    };
    refused = "lies in the Nix store";
  }

  # Retention, rooms, files.
  {
    name = "messages, rooms and files are kept as long as is said, for all and for one";
    configuration = with' {
      retention = "90d";
      rooms.retention = "1w";
      upload.retention = "30d";
      hosts."example.org" = {
        retention = "forever";
        rooms.retention = "0";
      };
      hosts."second.example" = { };
    };
    holds =
      config:
      let
        tables = lib.listToAttrs (
          map (table: lib.nameValuePair table.domain table) config.services.cloister.hostTables
        );
      in
      config.services.cloister.settings.archive.retention == "90d"
      && tables."example.org".retention == "forever"
      && tables."example.org".rooms.retention == "0"
      && tables."second.example".rooms.retention == "1w"
      && !(tables."second.example" ? retention)
      && tables."second.example".upload.retention == "30d";
  }
  {
    name = "files have the bounds that are said";
    configuration = with' {
      upload = {
        maxFileSize = "100 MiB";
        quota = "1 GiB";
        total = "20 GiB";
      };
    };
    holds =
      config:
      (host config).upload.file_bytes == "100 MiB"
      && (host config).upload.account_bytes == "1 GiB"
      && config.services.cloister.settings.upload.total_bytes == "20 GiB";
  }

  # Accounts.
  {
    name = "who is named alone is of the domain";
    configuration = with' { admins = [ "alice" ]; };
    holds = config: config.systemd.services ? cloister-provision;
  }
  {
    name = "who is named alone with several hosts is nobody";
    configuration = {
      services.cloister = {
        enable = true;
        acme.email = "admin@example.org";
        hosts."example.org" = { };
        admins = [ "alice" ];
      };
    };
    refused = "write whole addresses";
  }
  {
    name = "who is named by address needs no domain";
    configuration = {
      services.cloister = {
        enable = true;
        acme.email = "admin@example.org";
        hosts."example.org" = { };
        admins = [ "alice@example.org" ];
      };
    };
  }
  {
    name = "passwords are handed to what makes the accounts alone";
    configuration = with' { accounts.alice.passwordFile = "/run/secrets/alice"; };
    holds =
      config:
      lib.hasSuffix ":/run/secrets/alice" (
        lib.head config.systemd.services.cloister-provision.serviceConfig.LoadCredential
      )
      && (unit config).serviceConfig.LoadCredential or [ ] == [ ];
  }

  # Metrics and calls.
  {
    name = "metrics are read where the operator's listener is";
    configuration = with' { metrics.enable = true; };
    holds =
      config:
      (lib.head (lib.head config.services.prometheus.scrapeConfigs).static_configs).targets == [
        "127.0.0.1:5280"
      ];
  }
  {
    name = "metrics cannot be read without that listener";
    configuration = with' {
      metrics.enable = true;
      console.enable = false;
    };
    refused = "set services.cloister.console.enable, too";
  }
  {
    name = "calls have a server, with a secret that is shared";
    configuration = with' {
      turn.enable = true;
      openFirewall = true;
    };
    holds =
      config:
      config.services.coturn.enable
      && config.services.coturn.use-auth-secret
      && lib.elem "turn:${config.services.coturn.static-auth-secret-file}" (unit config).serviceConfig.LoadCredential
      && config.services.cloister.settings.turn.domain == "example.org"
      && config.networking.firewall.allowedUDPPorts == [ 3478 ];
  }
  {
    name = "calls need a name with several hosts";
    configuration = {
      services.cloister = {
        enable = true;
        acme.email = "admin@example.org";
        hosts."example.org" = { };
        turn.enable = true;
      };
    };
    refused = "at which name phones reach the TURN server";
  }
]
