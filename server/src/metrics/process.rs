//! What this process takes, as the system tells it. What cannot be read is 0.

use std::fs;

/// The unit in which Linux tells processor time to programs, whatever its own is: 1/100 s.
const TICK_MICROS: u64 = 10_000;

/// What it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Memory, in bytes.
    pub memory: u64,
    /// Processor time since it began, in microseconds.
    pub cpu_micros: u64,
    /// Open files and sockets.
    pub open_files: u64,
    /// The most that it may open.
    pub most_files: u64,
}

impl Process {
    /// Asks the system: some microseconds, and a little more for each open file.
    pub fn read() -> Self {
        let (memory, cpu_micros) = Process::usage();
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        Process {
            memory,
            cpu_micros,
            // The directory that is being read is among them.
            open_files: fs::read_dir("/proc/self/fd")
                .map_or(0, |files| (files.count() as u64).saturating_sub(1)),
            most_files: limit.current.unwrap_or_default(),
        }
    }

    /// Memory in bytes and processor time in microseconds.
    pub fn usage() -> (u64, u64) {
        let file = |name: &str| fs::read_to_string(name).unwrap_or_default();
        let memory = resident_kib(&file("/proc/self/status")).unwrap_or_default() * 1024;
        (memory, cpu_ticks(&file("/proc/self/stat")).unwrap_or_default() * TICK_MICROS)
    }
}

/// proc(5): `VmRSS`, in KiB whatever the size of a page is.
fn resident_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// proc(5): fields 14 and 15; the second one is a name that may hold anything but its last bracket.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, behind) = stat.rsplit_once(')')?;
    let mut fields = behind.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_something() {
        let process = Process::read();
        assert!(process.memory > 100_000, "{process:?}");
        assert!(process.open_files >= 3 && process.most_files >= process.open_files, "{process:?}");
    }

    #[test]
    fn a_name_with_brackets_does_not_mislead() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 99 8192 5";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!(cpu_ticks("nothing"), None);
    }

    #[test]
    fn memory_is_what_is_resident() {
        assert_eq!(resident_kib("VmSize:\t  99 kB\nVmRSS:\t    1234 kB\n"), Some(1234));
        assert_eq!(resident_kib(""), None);
    }
}
