# `services.cloister`. Each file declares some options and what follows from them; `lib.nix` has what
# they share.
{
  imports = [
    ./server.nix
    ./hosts.nix
    ./sockets.nix
    ./service.nix
    ./command.nix
    ./certificates.nix
    ./acme.nix
    ./secrets.nix
    ./retention.nix
    ./rooms.nix
    ./upload.nix
    ./provision.nix
    ./console.nix
    ./metrics.nix
    ./turn.nix
    ./backup.nix
  ];
}
