//! The processes under load, as `main.rs` describes them.

use std::{collections::BTreeMap, fs};

/// Ports and process ids by name.
pub(crate) struct Targets(BTreeMap<String, Vec<u32>>);

impl Targets {
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Self {
        let target = |word: String| {
            let (name, numbers) = word.split_once('=').unwrap();
            let numbers = numbers.split(',').map(|number| number.parse().unwrap());
            (name.to_owned(), numbers.collect())
        };
        Self(words.map(target).collect())
    }

    pub(crate) fn ports(&self, name: &str) -> Vec<u16> {
        let numbers = self
            .0
            .get(name)
            .unwrap_or_else(|| panic!("{name}= is missing"));
        numbers
            .iter()
            .map(|port| u16::try_from(*port).unwrap())
            .collect()
    }

    /// The first port of `name`.
    pub(crate) fn port(&self, name: &str) -> u16 {
        self.ports(name)[0]
    }

    /// The processor time of the named processes and this one, in milliseconds. 0 without `/proc`.
    pub(crate) fn processor_millis(&self) -> Vec<(String, u64)> {
        let named = self.0.iter().filter_map(|(name, pids)| {
            let name = name.strip_prefix("pid:")?;
            let millis = pids.iter().map(|pid| processor_millis(*pid)).sum();
            Some((name.to_owned(), millis))
        });
        let load = ("load".to_owned(), processor_millis(std::process::id()));
        named.chain([load]).collect()
    }
}

/// User and system time of a process (`proc_pid_stat(5)`, fields 14 and 15). Linux counts them in
/// hundredths of a second.
fn processor_millis(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let times = after_name.split_whitespace().skip(11).take(2);
    times
        .map(|ticks| ticks.parse::<u64>().unwrap_or(0) * 10)
        .sum()
}
