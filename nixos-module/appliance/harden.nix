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
  # An ISO would have it.
  boot.initrd.systemd.emergencyAccess = lib.mkForce false;

  services.journald = {
    storage = "persistent";
    # The last one that is said counts, and nothing is to be said on the terminals but what people read there.
    extraConfig = lib.mkAfter ''
      SystemMaxUse=256M
      MaxRetentionSec=1month
      ForwardToConsole=no
    '';
  };

  # A VM has its time from the machine that it runs on.
  services.timesyncd.enable = lib.mkDefault true;
  services.fstrim.enable = lib.mkDefault true;
  zramSwap.enable = lib.mkDefault true;
}
