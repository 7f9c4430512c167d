# What can be proved of the server without a machine: it builds, its tests pass, it is formatted, and
# clippy has nothing to say.
{ pkgs, cloister }:

let
  inherit (pkgs) lib;

  # With the documents that tests compare, and the manifests of everything.
  whole = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../CHANGELOG.md
      ../CONTRIBUTING.md
      ../Cargo.lock
      ../Cargo.toml
      ../README.md
      ../clippy.toml
      ../cloister.example.toml
      ../docs
      ../rustfmt.toml
      ./.
    ];
  };

  run =
    name: tools: command:
    cloister.overrideAttrs (old: {
      pname = "cloister-${name}";
      src = whole;
      nativeBuildInputs = (old.nativeBuildInputs or [ ]) ++ tools;
      dontStrip = true;
      buildPhase = ''
        runHook preBuild
        ${command}
        runHook postBuild
      '';
      doCheck = false;
      installPhase = "touch $out";
    });
in
{
  package = cloister;
  tests = run "tests" [ ] "cargo test --offline";
  clippy = run "clippy" [ pkgs.clippy ] "cargo clippy --offline --all-targets -- -D warnings";
  fmt = run "fmt" [ pkgs.rustfmt ] "cargo fmt --check";
}
