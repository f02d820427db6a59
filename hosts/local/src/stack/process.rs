//! A child process with its own log and a file that identifies it after a crash.

use super::{account::Account, identity, programs};
use crate::{error::Error, private_files, process_env, state_dir::StateDir};
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
const EXCERPT_LINES: usize = 12;

/// The settings of a child.
pub(crate) struct Launch {
    /// Used in logs and messages.
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// The whole environment except `PATH`.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// The child's user, if it differs from the user of this process.
    pub(crate) account: Option<Account>,
    /// Ends the child gracefully.
    pub(crate) stop_signal: Signal,
}

/// A running child. It is killed if dropped without [`Process::stop`].
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    stop_signal: Signal,
    log: PathBuf,
    identity_file: PathBuf,
}

impl Launch {
    pub(crate) fn start(self, state: &StateDir) -> Result<Process, Error> {
        let identity_file = state.process_file(self.name);
        let log = state.log_file(self.name);
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
        if let Some(identity) = child.id().and_then(identity::of) {
            private_files::write(&identity_file, &identity)?;
        }
        Ok(Process {
            name: self.name,
            child,
            stop_signal: self.stop_signal,
            log,
            identity_file,
        })
    }

    /// Runs a program to its end. On failure, its output is part of the error.
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
        let text = [output.stdout, output.stderr].concat();
        Err(Error::Child {
            name: self.name,
            problem: format!("failed ({})", output.status),
            last_lines: last_lines(&String::from_utf8_lossy(&text)),
        })
    }

    fn command(&self) -> Command {
        let mut command = match programs::find("setpriv") {
            // The kernel then ends the child even if this process is killed.
            Some(setpriv) => self.with_setpriv(&setpriv),
            None => self.without_setpriv(),
        };
        command
            .env_clear()
            .env("PATH", process_env::search_path())
            .envs(self.variables.iter().map(|(name, value)| (*name, value)))
            // Ctrl-C must reach only this process, which stops its children in order.
            .process_group(0)
            .current_dir("/")
            .kill_on_drop(true);
        command
    }

    fn with_setpriv(&self, setpriv: &Path) -> Command {
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

    fn without_setpriv(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        if let Some(account) = &self.account {
            command.uid(account.uid).gid(account.gid);
        }
        command
    }
}

/// Kills a process group when dropped. Killing only the program would leave its own children.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // The usual failure is a group that has ended already.
            let _ = rustix::process::kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Process {
    /// Waits until `probe` succeeds. Fails if the child ends first or after `limit`.
    pub(crate) async fn wait_until_ready<P, F>(
        &mut self,
        limit: Duration,
        probe: P,
    ) -> Result<(), Error>
    where
        P: Fn() -> F,
        F: Future<Output = Result<(), String>>,
    {
        let deadline = Instant::now() + limit;
        loop {
            let Err(reason) = probe().await else {
                return Ok(());
            };
            if let Some(end) = self.exit_status() {
                return Err(self.failure(format!("ended while it started ({end})")));
            }
            if Instant::now() >= deadline {
                let seconds = limit.as_secs();
                return Err(self.failure(format!("did not answer within {seconds} s ({reason})")));
            }
            sleep(POLL).await;
        }
    }

    /// The exit status, once the child has ended.
    pub(crate) fn exit_status(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(status.to_string()),
            Err(error) => Some(error.to_string()),
        }
    }

    /// An error about this child, with the end of its log.
    pub(crate) fn failure(&self, problem: String) -> Error {
        let log = fs::read(&self.log).unwrap_or_default();
        Error::Child {
            name: self.name,
            problem,
            last_lines: last_lines(&String::from_utf8_lossy(&log)),
        }
    }

    /// Sends the stop signal and waits. Kills the child after `limit`.
    pub(crate) async fn stop(mut self, limit: Duration) -> Result<(), Error> {
        if self.exit_status().is_none() {
            if let Some(pid) = self.child.id().and_then(identity::as_pid) {
                identity::signal(self.name, pid, self.stop_signal)?;
            }
            if timeout(limit, self.child.wait()).await.is_err() {
                self.child
                    .kill()
                    .await
                    .map_err(Error::io(format!("kill {}", self.name)))?;
            }
        }
        private_files::remove_file(&self.identity_file)
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let start = lines.len().saturating_sub(EXCERPT_LINES);
    lines.get(start..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_excerpt_is_its_end() {
        let log: Vec<String> = (1..=20)
            .map(|number| format!("line {number}\n\n"))
            .collect();
        let excerpt = last_lines(&log.concat());
        assert_eq!(excerpt.lines().count(), EXCERPT_LINES);
        assert!(excerpt.starts_with("line 9\n") && excerpt.ends_with("line 20"));
    }
}
