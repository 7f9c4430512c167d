# What the appliance's scripts decide, and what its console and its
# certificate say and do, without a machine.
{ pkgs }:
{
  appliance-scripts =
    pkgs.runCommand "cloister-appliance-scripts"
      {
        nativeBuildInputs = [
          pkgs.iproute2
          pkgs.jq
          pkgs.openssl
          pkgs.python3
          pkgs.shellcheck
          pkgs.util-linux
        ];
      }
      ''
        cp -r ${./scripts} scripts
        cp -r ${./tests} tests
        bash tests/functions.sh | tee $out
        python3 tests/console.py | tee --append $out
        python3 tests/certificate.py | tee --append $out
      '';
}
