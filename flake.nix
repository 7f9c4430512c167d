{
  description = "Cloister: a closed XMPP server for people who run their own chat";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      forAllSystems = f: lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});

      applianceOn =
        system:
        lib.nixosSystem {
          modules = [
            self.nixosModules.default
            ./nixos-module/appliance
            { nixpkgs.hostPlatform = system; }
          ];
        };
      builtOn = pkgs: pkgs.stdenv.hostPlatform.system;
    in
    {
      packages = forAllSystems (
        pkgs:
        let
          inherit ((applianceOn (builtOn pkgs)).config.system) build;
        in
        {
          default = self.packages.${builtOn pkgs}.cloister;
          cloister = pkgs.callPackage ./server/package.nix { };
          inherit (build) vm;
          inherit (build.images) iso;
          qcow2 = if pkgs.stdenv.hostPlatform.isAarch64 then build.images.qemu-efi else build.images.qemu;
        }
      );

      apps = forAllSystems (
        pkgs:
        let
          inherit (self.packages.${builtOn pkgs}) cloister;
          demo = pkgs.writeShellScript "cloister-demo" ''exec ${lib.getExe cloister} demo "$@"'';
        in
        {
          default = {
            type = "app";
            program = "${demo}";
            meta.description = "A server on this machine to try, with nothing to configure";
          };
          cloister = {
            type = "app";
            program = lib.getExe cloister;
            meta.description = "The cloister command";
          };
        }
      );

      overlays.default = final: _: { cloister = final.callPackage ./server/package.nix { }; };

      nixosModules.default = ./nixos-module;

      nixosConfigurations.appliance = applianceOn "x86_64-linux";

      checks = forAllSystems (
        pkgs:
        import ./server/checks.nix {
          inherit pkgs;
          inherit (self.packages.${builtOn pkgs}) cloister;
        }
        // import ./nixos-module/checks.nix { inherit lib pkgs nixpkgs; }
        // import ./vm-tests { inherit self nixpkgs pkgs; }
      );

      devShells = forAllSystems (pkgs: {
        default = pkgs.mkShell {
          inputsFrom = [ self.packages.${builtOn pkgs}.cloister ];
          packages = with pkgs; [
            clippy
            rustfmt
            rust-analyzer
            cargo-deny
            (python3.withPackages (python: [
              python.aiohttp
              python.slixmpp
            ]))
          ];
        };
      });

      formatter = forAllSystems (pkgs: pkgs.nixfmt-tree);

      templates.default = {
        path = ./nixos-module/template;
        description = "A machine that serves the chat of one domain";
      };
    };
}
