{
  description = "A machine that serves the chat of one domain";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    cloister.url = "github:cloister-chat/cloister";
    cloister.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    { nixpkgs, cloister, ... }:
    {
      nixosConfigurations.chat = nixpkgs.lib.nixosSystem {
        modules = [
          cloister.nixosModules.default
          # What `nixos-generate-config` made on the machine.
          ./hardware-configuration.nix
          {
            services.cloister = {
              enable = true;
              domain = "example.org";
              admins = [ "alice" ];
              acme.email = "admin@example.org";
              openFirewall = true;
            };
            system.stateVersion = "26.05";
          }
        ];
      };
    };
}
