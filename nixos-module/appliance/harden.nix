# The machine around the server.
{ lib, ... }:
{
  networking.firewall = {
    enable = true;
    # Whoever knocks is not written down.
    logRefusedConnections = false;
  };

  boot.kernel.sysctl = {
    "kernel.dmesg_restrict" = 1;
    "kernel.kptr_restrict" = 2;
    "kernel.unprivileged_bpf_disabled" = 1;
    "kernel.yama.ptrace_scope" = 2;
    "kernel.kexec_load_disabled" = 1;
    "net.core.bpf_jit_harden" = 2;
    "fs.protected_fifos" = 2;
    "fs.protected_regular" = 2;
    "fs.suid_dumpable" = 0;
    "net.ipv4.conf.all.accept_redirects" = 0;
    "net.ipv4.conf.all.send_redirects" = 0;
    "net.ipv4.tcp_syncookies" = 1;
    "net.ipv6.conf.all.accept_redirects" = 0;
  };
  boot.tmp.useTmpfs = lib.mkDefault true;

  # A dump of the server's memory would be what the server keeps from everybody.
  systemd.coredump.enable = false;
  # A shell without a password is none; the machine starts again instead.
  systemd.enableEmergencyMode = false;
  boot.initrd.systemd.emergencyAccess = false;

  services.journald = {
    storage = "persistent";
    extraConfig = ''
      SystemMaxUse=256M
      MaxRetentionSec=1month
      ForwardToConsole=no
    '';
  };

  services.timesyncd.enable = true;
  services.fstrim.enable = lib.mkDefault true;
  zramSwap.enable = lib.mkDefault true;
}
