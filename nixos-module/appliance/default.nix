# A machine that is nothing but a Cloister server, and learns its domain when it first starts.
# Imported beside nixosModules.default; importing it is what switches it on.
{
  imports = [
    ./options.nix
    ./cloister.nix
    ./first-boot.nix
    ./certificate.nix
    ./console.nix
    ./ssh.nix
    ./disk.nix
    ./harden.nix
    ./updates.nix
    ./small.nix
    ./image.nix
  ];
}
