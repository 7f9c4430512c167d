//! Apps that a newcomer can use, by device.
//!
//! Our choices: those that are maintained, free software, understand an invitation or at least make
//! the login easy, and encrypt with OMEMO. The links carry nothing of the invitation: some stores
//! would hand a token on to the app, but then the store had it too.

use crate::pages::texts::AppsTexts;

/// What somebody reads the page on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    Android,
    Ios,
    Computer,
}

/// The apps of one device.
#[derive(Clone, Copy)]
pub struct Group {
    pub device: Device,
    pub apps: &'static [App],
}

/// One app.
pub struct App {
    pub name: &'static str,
    pub about: fn(&'static AppsTexts) -> &'static str,
    /// Where it comes from, and the address there.
    pub sources: &'static [(&'static str, &'static str)],
}

/// The groups for whoever reads the page: the own device's, and the rest.
pub struct Apps {
    pub own: Vec<Group>,
    pub others: Vec<Group>,
}

const GROUPS: [Group; 3] = [
    Group {
        device: Device::Android,
        apps: &[
            App {
                name: "Conversations",
                about: |texts| &texts.conversations,
                sources: &[
                    ("F-Droid", "https://f-droid.org/packages/eu.siacs.conversations/"),
                    (
                        "Google Play",
                        "https://play.google.com/store/apps/details?id=eu.siacs.conversations",
                    ),
                ],
            },
            App {
                name: "Cheogram",
                about: |texts| &texts.cheogram,
                sources: &[
                    ("F-Droid", "https://f-droid.org/packages/com.cheogram.android/"),
                    (
                        "Google Play",
                        "https://play.google.com/store/apps/details?id=com.cheogram.android.playstore",
                    ),
                ],
            },
        ],
    },
    Group {
        device: Device::Ios,
        apps: &[
            App {
                name: "Monal",
                about: |texts| &texts.monal,
                sources: &[("App Store", "https://apps.apple.com/app/id317711500")],
            },
            App {
                name: "Siskin",
                about: |texts| &texts.siskin,
                sources: &[("App Store", "https://apps.apple.com/app/id1153516838")],
            },
        ],
    },
    Group {
        device: Device::Computer,
        apps: &[
            App {
                name: "Gajim",
                about: |texts| &texts.gajim,
                sources: &[("gajim.org", "https://gajim.org/download/")],
            },
            App {
                name: "Dino",
                about: |texts| &texts.dino,
                sources: &[("dino.im", "https://dino.im/")],
            },
            App {
                name: "Monal",
                about: |texts| &texts.monal_mac,
                sources: &[("App Store", "https://apps.apple.com/app/id1637078500")],
            },
        ],
    },
];

impl Device {
    /// Roughly, by `User-Agent`. An iPad says that it is a Mac; everybody finds all apps anyway.
    pub fn of(agent: &str) -> Option<Self> {
        let has = |word| agent.contains(word);
        if has("Android") {
            return Some(Device::Android);
        }
        if has("iPhone") || has("iPad") || has("iPod") {
            return Some(Device::Ios);
        }
        let computers = ["Windows", "Macintosh", "X11", "Linux", "CrOS"];
        computers.into_iter().any(has).then_some(Device::Computer)
    }

    /// Whether it is one that takes a picture of a code, rather than showing it.
    pub fn is_phone(self) -> bool {
        self != Device::Computer
    }
}

impl Group {
    /// What the device is called.
    pub fn name(&self, texts: &'static AppsTexts) -> &'static str {
        match self.device {
            Device::Android => &texts.android,
            Device::Ios => &texts.ios,
            Device::Computer => &texts.computer,
        }
    }
}

impl Apps {
    /// For that device; all are its own when it is not known.
    pub fn on(device: Option<Device>) -> Self {
        let (own, others) = GROUPS
            .into_iter()
            .partition(|group| device.is_none_or(|device| device == group.device));
        Apps { own, others }
    }
}

#[cfg(test)]
mod tests {
    use super::{Apps, Device};

    #[test]
    fn a_device_is_known_by_what_its_browser_says() {
        for (agent, device) in [
            ("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/124.0", Device::Android),
            ("Mozilla/5.0 (Android 14; Mobile; rv:125.0) Gecko/125.0", Device::Android),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) Version/17.4", Device::Ios),
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/125.0", Device::Computer),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101", Device::Computer),
        ] {
            assert_eq!(Device::of(agent), Some(device), "{agent}");
        }
        assert_eq!(Device::of("curl/8"), None);
    }

    #[test]
    fn nobody_is_left_without_the_apps_of_other_devices() {
        for device in [None, Some(Device::Android), Some(Device::Ios), Some(Device::Computer)] {
            let apps = Apps::on(device);
            assert_eq!(apps.own.len() + apps.others.len(), 3);
            assert_eq!(apps.others.is_empty(), device.is_none());
        }
    }
}
