# The `cloister` command with its man pages and completions. Documents are no part of the source, so that
# changing them builds nothing anew; tests are, as Cargo.toml names them.
{
  lib,
  stdenv,
  rustPlatform,
}:

rustPlatform.buildRustPackage {
  pname = "cloister";
  inherit ((lib.importTOML ../Cargo.toml).workspace.package) version;

  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../Cargo.toml
      ../Cargo.lock
      (lib.fileset.difference ./. (
        lib.fileset.unions [
          ./checks.nix
          ./package.nix
          (lib.fileset.maybeMissing ./fuzz)
        ]
      ))
    ];
  };

  cargoLock.lockFile = ../Cargo.lock;

  # `checks.tests` runs them: they take longer than the build, and kill servers for a living.
  doCheck = false;

  postInstall = lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    cloister=$out/bin/cloister
    share=$out/share
    $cloister man man
    install -D --mode=444 --target-directory=$share/man/man1 man/*.1
    install -D --mode=444 --target-directory=$share/man/man5 man/*.5
    install -D --mode=444 <($cloister completions bash) $share/bash-completion/completions/cloister
    install -D --mode=444 <($cloister completions fish) $share/fish/vendor_completions.d/cloister.fish
    install -D --mode=444 <($cloister completions zsh) $share/zsh/site-functions/_cloister
  '';

  meta = {
    description = "Closed XMPP server for people who run their own chat";
    license = with lib.licenses; [
      asl20
      mit
    ];
    platforms = lib.platforms.linux;
    mainProgram = "cloister";
  };
}
