//! Where everything listens.

use std::{collections::BTreeMap, fs};

/// The ports and the processes that the caller named.
pub(crate) struct Places(BTreeMap<String, Vec<u32>>);

impl Places {
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Self {
        let place = |word: String| {
            let (name, numbers) = word.split_once('=').unwrap();
            let numbers = numbers.split(',').map(|number| number.parse().unwrap());
            (name.to_owned(), numbers.collect())
        };
        Self(words.map(place).collect())
    }

    /// The ports of `name`.
    pub(crate) fn ports(&self, name: &str) -> Vec<u16> {
        let found = self
            .0
            .get(name)
            .unwrap_or_else(|| panic!("{name}= is missing"));
        found
            .iter()
            .map(|port| u16::try_from(*port).unwrap())
            .collect()
    }

    /// The only port of `name`.
    pub(crate) fn port(&self, name: &str) -> u16 {
        self.ports(name)[0]
    }

    /// The processor time that the named processes and this one have used, in milliseconds; 0 where there is no `/proc`.
    pub(crate) fn processor_millis(&self) -> Vec<(String, u64)> {
        let named = self.0.iter().filter_map(|(name, pids)| {
            let name = name.strip_prefix("pid:")?;
            Some((name.to_owned(), pids.iter().map(|pid| used(*pid)).sum()))
        });
        let myself = ("load".to_owned(), used(std::process::id()));
        named.chain([myself]).collect()
    }
}

/// User and system time of a process, of which Linux counts a hundred parts a second (`proc_pid_stat(5)`, fields 14 and 15).
fn used(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let times = after_name.split_whitespace().skip(11).take(2);
    times
        .map(|ticks| ticks.parse::<u64>().unwrap_or(0) * 10)
        .sum()
}
