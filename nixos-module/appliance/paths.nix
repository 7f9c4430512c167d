# Where the parts of the appliance leave what the others need.
rec {
  # What lasts.
  state = "/var/lib/cloister-appliance";
  identity = "${state}/identity";
  console = "${state}/console";
  ssh = "${state}/ssh";
  lego = "${state}/lego";

  # What is found or made again at each start.
  run = "/run/cloister-appliance";
  medium = "${run}-medium";
  cloud = "${run}-cloud";
  certificate = "${run}-certificate";
  terminals = "${run}-console";

  configuration = "${run}/cloister.toml";
  webroot = "/var/lib/acme/acme-challenge";

  # What stands for the domain in the configuration that is built.
  placeholder = "domain.invalid";

  # Who owns the domain's key.
  user = "cloister-appliance";
}
