# `cloister` on the administrator's PATH: it speaks to the running server, and acts as the server's
# user when it is down, so that nothing in the data belongs to somebody else.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  cfg = config.services.cloister;

  properties = cfg.sandbox // {
    StateDirectory = "cloister";
    StateDirectoryMode = "0700";
    LoadCredential = config.systemd.services.cloister.serviceConfig.LoadCredential or [ ];
  };
  word = value: if lib.isBool value then lib.boolToYesNo value else toString value;
  property =
    name: value: map (one: lib.escapeShellArg "--property=${name}=${word one}") (lib.toList value);

  command = pkgs.writeShellScriptBin "cloister" ''
    export CLOISTER_CONFIG=''${CLOISTER_CONFIG:-${
      if cfg.configFile == null then "/etc/cloister/cloister.toml" else cfg.configFile
    }}
    cloister=${lib.getExe cfg.package}

    # What needs neither a server nor its data.
    case "''${1:-}" in
      "" | -* | help | check-config | completions | demo | man | serve | xeps) exec "$cloister" "$@" ;;
    esac
    if [ "$(id -u)" -ne 0 ]; then
      echo "cloister: only root may speak to the server; run: sudo cloister …" >&2
      exit 1
    fi
    if systemctl --quiet is-active cloister.service; then
      exec "$cloister" "$@"
    fi
    terminal=--pipe
    if [ -t 0 ] && [ -t 1 ]; then terminal=--pty; fi
    exec systemd-run --quiet --collect --wait "$terminal" --service-type=exec \
      --description="Cloister, while its server is down" \
      --setenv=CLOISTER_CONFIG --setenv=TERM --setenv=LANG \
      ${lib.concatStringsSep " \\\n  " (lib.concatLists (lib.mapAttrsToList property properties))} \
      -- "$cloister" "$@"
  '';
in
{
  config = lib.mkIf cfg.enable {
    environment.systemPackages = [
      # Its manual pages and completions; the command itself is the one above.
      cfg.package
      (lib.hiPrio command)
    ];
  };
}
