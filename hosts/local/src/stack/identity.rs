//! Identifies child processes across starts, and ends those that an earlier start left behind.

use crate::{error::Error, private_files, state_dir::StateDir};
use rustix::process::{Pid, Signal};
use std::{fs, path::Path, time::Duration};
use tokio::time::{Instant, sleep};

const POLL: Duration = Duration::from_millis(20);

/// A process id with its start time, because ids are reused. `None` if the process does not run.
pub(super) fn of(pid: u32) -> Option<String> {
    if let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) {
        // The name in parentheses may contain anything. The start time is the 20th word after it.
        let (_, words) = stat.rsplit_once(')')?;
        let mut words = words.split_whitespace();
        let is_zombie = words.next() == Some("Z");
        let started = words.nth(18)?;
        return (!is_zombie).then(|| format!("{pid} {started}"));
    }
    if Path::new("/proc/self/stat").exists() {
        return None;
    }
    let output = std::process::Command::new("ps")
        .args(["-o", "lstart=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let started = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!started.is_empty()).then(|| format!("{pid} {started}"))
}

/// Ends children of an earlier start that still run, which frees their ports.
///
/// If this program is killed, its children outlive it until the kernel ends them. Without `setpriv`
/// the kernel never does.
pub(super) async fn end_leftovers(state: &StateDir) -> Result<(), Error> {
    for (name, stop_signal) in [
        ("postgrest", Signal::TERM),
        ("redis", Signal::TERM),
        ("postgres", Signal::INT),
    ] {
        end_leftover(name, &state.process_file(name), stop_signal).await?;
    }
    Ok(())
}

async fn end_leftover(
    name: &'static str,
    process_file: &Path,
    stop_signal: Signal,
) -> Result<(), Error> {
    const END_TIMEOUT: Duration = Duration::from_secs(30);
    let Ok(identity) = fs::read_to_string(process_file) else {
        return Ok(());
    };
    let pid = identity
        .split_whitespace()
        .next()
        .and_then(|pid| pid.parse::<u32>().ok());
    if let Some(pid) = pid {
        let runs = || of(pid).as_ref() == Some(&identity);
        let deadline = Instant::now() + END_TIMEOUT;
        if runs()
            && let Some(pid) = as_pid(pid)
        {
            signal(name, pid, stop_signal)?;
        }
        while runs() {
            if Instant::now() >= deadline {
                return Err(Error::Child {
                    name,
                    problem: format!("of an earlier start (process {pid}) does not end"),
                    last_lines: String::new(),
                });
            }
            sleep(POLL).await;
        }
    }
    private_files::remove_file(process_file)
}

pub(super) fn as_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// Sends `signal` to a child. A child that has ended already is no error.
pub(super) fn signal(name: &'static str, pid: Pid, signal: Signal) -> Result<(), Error> {
    match rustix::process::kill_process(pid, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(errno) => Err(Error::io(format!("stop {name}"))(errno)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_stable_per_process() {
        let own = of(std::process::id()).unwrap();
        assert_eq!(own, of(std::process::id()).unwrap());
        assert_eq!(of(u32::MAX), None);
    }
}
