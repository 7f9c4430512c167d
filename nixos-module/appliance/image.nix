# What the ISO, the qcow2 image and the VM have in common, and in what they differ.
#   config.system.build.images.iso     live; what lasts lies on a disk labelled cloister-data
#   config.system.build.images.qemu    a disk, which grows to the size it is given; for ARM that is
#                                      images.qemu-efi, as those machines have no BIOS
#   config.system.build.vm             a VM on the machine that builds it
{
  lib,
  modulesPath,
  pkgs,
  ...
}:
let
  serial = import ./serial.nix { inherit pkgs; };
  # Weaker than the defaults of the images, which know their disks, and of tests.
  weak = lib.mkOverride 1200;

  disk = {
    image.baseName = lib.mkForce "cloister-appliance";
    boot.growPartition = true;
    # What makes the image has it install the boot loader.
    system.switch.enable = true;
    fileSystems."/".autoResize = true;
  };
in
{
  imports = [ "${modulesPath}/profiles/qemu-guest.nix" ];

  networking.hostName = weak "cloister";
  # Stronger than that of tests, which is of whatever NixOS they are run with.
  system.stateVersion = lib.mkOverride 1100 "26.05";
  boot = {
    initrd.systemd.enable = true;
    # The last one is /dev/console. The kernel says only what is grave, as people read the terminals.
    kernelParams = [
      "console=${serial},115200"
      "console=tty0"
      "quiet"
    ];
    consoleLogLevel = lib.mkDefault 3;
    loader = {
      timeout = lib.mkDefault 1;
      grub.device = weak "/dev/vda";
    };
  };
  fileSystems."/" = {
    device = weak "/dev/disk/by-label/nixos";
    fsType = weak "ext4";
  };

  image.modules = {
    iso = {
      services.cloister-appliance.live = true;
      image.baseName = lib.mkForce "cloister-appliance";
      boot.loader.timeout = lib.mkForce 1;
      isoImage = {
        volumeID = "CLOISTER_LIVE";
        appendToMenuLabel = " Cloister";
        makeEfiBootable = true;
        makeUsbBootable = true;
      };
    };
    qemu = disk;
    qemu-efi = disk;
  };

  virtualisation.vmVariant.virtualisation = {
    memorySize = 1024;
    graphics = false;
    forwardPorts = map (port: {
      from = "host";
      host.port = 10000 + port;
      guest.port = port;
    }) [ 80 443 5222 5223 ];
  };
}
