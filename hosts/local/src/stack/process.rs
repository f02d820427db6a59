//! A child process of ours: started with a log of its own, found again after a crash, stopped and waited for.

use super::{account::Account, identity, programs};
use crate::{error::Error, state_dir, state_dir::StateDir, surroundings};
use rustix::process::{Pid, Signal};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

const POLL: Duration = Duration::from_millis(20);
const LINES_SHOWN: usize = 12;

/// How a child is started.
pub(crate) struct Launch {
    /// What logs and messages call it.
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// All it gets of an environment, besides where programs are.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// Who runs it, when not we ourselves.
    pub(crate) account: Option<Account>,
    /// What ends it in good order.
    pub(crate) stop_signal: Signal,
}

/// A running child; dropped without [`Process::stop`] it is killed.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    stop_signal: Signal,
    log: PathBuf,
    record: PathBuf,
}

impl Launch {
    /// Starts the child.
    pub(crate) fn start(self, state: &StateDir) -> Result<Process, Error> {
        let record = state.record_of(self.name);
        let log = state.log_of(self.name);
        let output =
            fs::File::create(&log).map_err(Error::io(format!("write {}", log.display())))?;
        let errors = output
            .try_clone()
            .map_err(Error::io(format!("write {}", log.display())))?;
        let child = self
            .command()
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(Error::io(format!(
                "start {} ({})",
                self.name,
                self.program.display()
            )))?;
        if let Some(mark) = child.id().and_then(identity::of) {
            state_dir::write_private(&record, &mark)?;
        }
        Ok(Process {
            name: self.name,
            child,
            stop_signal: self.stop_signal,
            log,
            record,
        })
    }

    /// Runs a program to its end; its output is the error's text when it fails.
    pub(crate) async fn run(self) -> Result<(), Error> {
        let failed = || Error::io(format!("run {} ({})", self.name, self.program.display()));
        let child = self
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed())?;
        let mut group = Group(child.id().and_then(identity::as_pid));
        let output = child.wait_with_output().await.map_err(failed())?;
        group.0 = None;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        Err(Error::Child {
            name: self.name,
            problem: format!("failed ({})", output.status),
            last_lines: last_lines(&String::from_utf8_lossy(&said)),
        })
    }

    fn command(&self) -> Command {
        let mut command = match programs::find("setpriv") {
            // The kernel then ends the child when this process is killed without a chance to do so itself.
            Some(setpriv) => self.through(&setpriv),
            None => self.directly(),
        };
        command
            .env_clear()
            .env("PATH", surroundings::search_path())
            .envs(self.variables.iter().map(|(name, value)| (*name, value)))
            // Ctrl-C in a terminal reaches this process alone, which then stops its children in order.
            .process_group(0)
            .current_dir("/")
            .kill_on_drop(true);
        command
    }

    fn through(&self, setpriv: &Path) -> Command {
        let mut command = Command::new(setpriv);
        let signal = if self.stop_signal == Signal::INT {
            "INT"
        } else {
            "TERM"
        };
        command.arg("--pdeathsig").arg(signal);
        if let Some(account) = &self.account {
            command.arg("--reuid").arg(account.uid.to_string());
            command.arg("--regid").arg(account.gid.to_string());
            command.arg("--clear-groups");
        }
        command.arg("--").arg(&self.program).args(&self.arguments);
        command
    }

    fn directly(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        if let Some(account) = &self.account {
            command.uid(account.uid).gid(account.gid);
        }
        command
    }
}

/// A process group that ends when this is dropped: killing a program alone leaves its own children at work.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // Nobody is left to hear of a failure, and a group that is gone is what is wanted.
            let _ = rustix::process::kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Process {
    /// Waits until `probe` succeeds; fails when the child ends first or `within` has passed.
    pub(crate) async fn ready<P, F>(&mut self, within: Duration, probe: P) -> Result<(), Error>
    where
        P: Fn() -> F,
        F: Future<Output = Result<(), String>>,
    {
        let deadline = Instant::now() + within;
        loop {
            let Err(reason) = probe().await else {
                return Ok(());
            };
            if let Some(end) = self.ended() {
                return Err(self.failed(format!("ended while it started ({end})")));
            }
            if Instant::now() >= deadline {
                let seconds = within.as_secs();
                return Err(self.failed(format!("did not answer within {seconds} s ({reason})")));
            }
            sleep(POLL).await;
        }
    }

    /// How the child ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(status.to_string()),
            Err(error) => Some(error.to_string()),
        }
    }

    /// An error about this child that shows the end of its log.
    pub(crate) fn failed(&self, problem: String) -> Error {
        let log = fs::read(&self.log).unwrap_or_default();
        Error::Child {
            name: self.name,
            problem,
            last_lines: last_lines(&String::from_utf8_lossy(&log)),
        }
    }

    /// Asks the child to end, waits for it, and kills it only when it takes longer than `patience`.
    pub(crate) async fn stop(mut self, patience: Duration) -> Result<(), Error> {
        if self.ended().is_none() {
            if let Some(pid) = self.child.id().and_then(identity::as_pid) {
                identity::signal(self.name, pid, self.stop_signal)?;
            }
            if timeout(patience, self.child.wait()).await.is_err() {
                self.child
                    .kill()
                    .await
                    .map_err(Error::io(format!("kill {}", self.name)))?;
            }
        }
        state_dir::remove_file(&self.record)
    }
}

/// Whether there is a child and it has not ended.
pub(crate) fn runs(process: Option<&mut Process>) -> bool {
    process.is_some_and(|process| process.ended().is_none())
}

/// Says so, once the child has ended although nobody stopped it.
pub(crate) fn unexpected_end(process: &mut Process) -> Option<Error> {
    let end = process.ended()?;
    Some(process.failed(format!("ended by itself ({end})")))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let start = lines.len().saturating_sub(LINES_SHOWN);
    lines.get(start..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_log_is_shown() {
        let log: Vec<String> = (1..=20)
            .map(|number| format!("line {number}\n\n"))
            .collect();
        let shown = last_lines(&log.concat());
        assert_eq!(shown.lines().count(), LINES_SHOWN);
        assert!(shown.starts_with("line 9\n") && shown.ends_with("line 20"));
    }
}
