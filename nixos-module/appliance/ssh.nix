# ssh for root, with keys alone, and not listening as long as there is none.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  paths = import ./paths.nix;
  program = import ./program.nix { inherit lib pkgs; };
  keys = program {
    name = "keys";
    functions = [ "names" ];
  };
in
{
  services.openssh = {
    enable = true;
    authorizedKeysInHomedir = false;
    settings = {
      AuthorizedKeysFile = "${paths.ssh}/authorized_keys";
      AuthenticationMethods = "publickey";
      PermitRootLogin = "prohibit-password";
      PasswordAuthentication = false;
      KbdInteractiveAuthentication = false;
      AllowUsers = [ "root" ];
      AllowAgentForwarding = false;
      # To the operator's pages, which only the machine itself can reach, and to nothing else.
      AllowTcpForwarding = "local";
      PermitOpen = config.services.cloister.console.address;
      X11Forwarding = false;
      LogLevel = "ERROR"; # no addresses in the journal
      MaxAuthTries = 3;
    };
  };
  systemd.services.sshd = {
    wants = [ "cloister-appliance-keys.service" ];
    after = [ "cloister-appliance-keys.service" ];
    unitConfig.ConditionFileNotEmpty = "${paths.ssh}/authorized_keys";
  };

  systemd.services.cloister-appliance-keys = {
    description = "Root's keys for ssh";
    wantedBy = [ "multi-user.target" ];
    after = [
      "cloister-appliance-medium.service"
      "cloister-appliance-cloud.service"
    ];
    environment = {
      MEDIUM = "${paths.medium}/keys";
      CLOUD = "${paths.cloud}/keys";
    };
    serviceConfig = import ./sandbox.nix // {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = lib.getExe keys;
      StateDirectory = "cloister-appliance/ssh";
      StateDirectoryMode = "0755"; # as sshd wants it: root's, and written by nobody else
      PrivateDevices = true;
      PrivateNetwork = true;
      RestrictAddressFamilies = "none";
    };
  };

  # Nobody has a password, and nobody can be given one that would be of use.
  users.mutableUsers = false;
  users.allowNoPasswordLogin = true;
  users.users.root.hashedPassword = "!";
  security.sudo.enable = false;
}
