//! Runs of `exo`.

use std::{
    process::{Output, Stdio},
    time::Duration,
};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// A longer run hangs.
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct RunOutput {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// `exo` with these words. Its environment contains only these variables.
pub(crate) fn command(words: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exo"));
    command
        .args(words)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

pub(crate) async fn run(words: &[&str], variables: &[(&str, &str)]) -> RunOutput {
    finish(command(words, variables).spawn().unwrap()).await
}

/// Waits for the end of a run.
pub(crate) async fn finish(child: Child) -> RunOutput {
    let Output {
        status,
        stdout,
        stderr,
    } = timeout(TIMEOUT, child.wait_with_output())
        .await
        .expect("the run ends in time")
        .unwrap();
    RunOutput {
        code: status.code().expect("no signal ends the run"),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}
