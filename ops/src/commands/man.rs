//! `exo man`: manual pages.

use super::{CommandLine, Outcome, Report};
use crate::error::Error;
use clap::{Args, CommandFactory as _};
use clap_mangen::Man;
use serde_json::json;
use std::{fs, path::PathBuf};

/// Print the manual page, or write one page for each command
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Write the pages of exo and of each command into this folder, and print their names
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  exo man | man -l -
  exo man --out ~/.local/share/man/man1

Exit codes:
  0  Done
  1  A page could not be written
  2  The command line is wrong";

impl Arguments {
    pub(super) fn run(self) -> Result<Report, Error> {
        let mut definition = CommandLine::command().disable_help_subcommand(true);
        definition.build();
        let Some(folder) = self.out else {
            let page = render(&Man::new(definition))?;
            return Ok(Report {
                outcome: Outcome::Success,
                document: json!({"page": page}),
                text: page.trim_end().to_owned(),
            });
        };
        fs::create_dir_all(&folder).map_err(Error::io(format!("make {}", folder.display())))?;
        let mut names = Vec::new();
        let mut commands = vec![definition];
        while let Some(command) = commands.pop() {
            commands.extend(command.get_subcommands().cloned());
            let page = Man::new(command);
            let name = page.get_filename();
            let path = folder.join(&name);
            fs::write(&path, render(&page)?)
                .map_err(Error::io(format!("write {}", path.display())))?;
            names.push(name);
        }
        names.sort();
        Ok(Report {
            outcome: Outcome::Success,
            text: names.join("\n"),
            document: json!({"files": names}),
        })
    }
}

fn render(page: &Man) -> Result<String, Error> {
    let mut text = Vec::new();
    page.render(&mut text)
        .map_err(Error::io("render a manual page"))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
