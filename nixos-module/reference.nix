# The reference of the module's options as Markdown, made by the library alone.
{ lib }:

options:

let
  shown = lib.filter (option: option.visible && !option.internal) (
    lib.optionAttrSetToDocList options
  );
  isModules = option: !lib.hasPrefix "_" (lib.last option.loc);

  literal =
    value:
    if value._type or "" == "literalMD" then
      value.text
    else
      let
        text = value.text or (lib.generators.toPretty { } value);
      in
      if lib.hasInfix "\n" text then "\n\n```nix\n${lib.removeSuffix "\n" text}\n```\n" else "`${text}`";

  part = name: value: lib.optionalString (value != null) "${name}: ${literal value}\n";

  section = option: ''
    ## `${option.name}`

    ${lib.trim (option.description.text or option.description)}

    Type: ${option.type}

    ${part "Default" (option.default or null)}
    ${part "Example" (option.example or null)}
  '';

  # Lines that are left empty by what an option does not have.
  tidy =
    text:
    let
      again = lib.replaceStrings [ "\n\n\n" ] [ "\n\n" ] text;
    in
    if again == text then text else tidy again;
in
tidy (
  ''
    # Options of the NixOS module

    <!-- Made from nixos-module/; a check compares. Change it there. -->

  ''
  + lib.concatMapStrings section (lib.filter isModules shown)
)
