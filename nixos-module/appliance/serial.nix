# The serial console that virtual machines have.
{ pkgs }: if pkgs.stdenv.hostPlatform.isAarch64 then "ttyAMA0" else "ttyS0"
