//! Ports and process ids from the command line (`cars=4001,4002`, `pid:redis=77`).

use std::{collections::BTreeMap, fmt::Debug, fs, str::FromStr};

pub(crate) struct Targets {
    ports: BTreeMap<String, Vec<u16>>,
    pids: BTreeMap<String, Vec<u32>>,
}

impl Targets {
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Self {
        let (mut ports, mut pids) = (BTreeMap::new(), BTreeMap::new());
        for word in words {
            let (name, numbers) = word.split_once('=').unwrap();
            match name.strip_prefix("pid:") {
                Some(name) => drop(pids.insert(name.to_owned(), read_numbers(numbers))),
                None => drop(ports.insert(name.to_owned(), read_numbers(numbers))),
            }
        }
        Self { ports, pids }
    }

    pub(crate) fn ports(&self, name: &str) -> &[u16] {
        self.ports
            .get(name)
            .unwrap_or_else(|| panic!("{name}= is missing"))
    }

    /// The first port of `name`.
    pub(crate) fn port(&self, name: &str) -> u16 {
        self.ports(name)[0]
    }

    /// The processor time of the named processes and this one, in milliseconds. 0 without `/proc`.
    pub(crate) fn processor_millis(&self) -> Vec<(String, u64)> {
        let named = self.pids.iter().map(|(name, pids)| {
            let millis = pids.iter().map(|pid| processor_millis(*pid)).sum();
            (name.clone(), millis)
        });
        let load = ("load".to_owned(), processor_millis(std::process::id()));
        named.chain([load]).collect()
    }
}

fn read_numbers<T: FromStr<Err: Debug>>(numbers: &str) -> Vec<T> {
    numbers
        .split(',')
        .map(|number| number.parse().unwrap())
        .collect()
}

/// User and system time of a process (`proc_pid_stat(5)`, fields 14 and 15). Linux counts them in
/// hundredths of a second.
fn processor_millis(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    // Field 3 is the first after the name.
    let times = after_name.split_whitespace().skip(14 - 3).take(2);
    times
        .map(|ticks| ticks.parse::<u64>().unwrap_or(0) * 10)
        .sum()
}
