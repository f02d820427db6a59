//! `exo completions`: completions for a shell.

use super::{CommandLine, Outcome, Report};
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use serde_json::json;

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[arg(help = "The shell that will read the completions")]
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  bash  exo completions bash > ~/.local/share/bash-completion/completions/exo
  zsh   exo completions zsh > \"${fpath[1]}/_exo\"
  fish  exo completions fish > ~/.config/fish/completions/exo.fish

Exit codes:
  0  Done
  2  The command line is wrong";

impl Arguments {
    pub(super) fn run(self) -> Report {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut CommandLine::command(), "exo", &mut script);
        let script = String::from_utf8_lossy(&script).into_owned();
        Report {
            outcome: Outcome::Success,
            document: json!({"shell": self.shell.to_string(), "script": script}),
            text: script.trim_end().to_owned(),
        }
    }
}
