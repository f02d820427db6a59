//! The user that runs PostgreSQL. PostgreSQL refuses to run as root.

use crate::error::Error;
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, chown},
    path::Path,
};

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Account {
    /// `None` unless this process runs as root.
    pub(crate) fn for_postgres() -> Result<Option<Self>, Error> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").map_err(Error::io("read /etc/passwd"))?;
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| find(&users, name))
            .map(Some)
            .ok_or(Error::ProgramMissing {
                program: "a user for PostgreSQL",
                hint: "root needs the user postgres or nobody",
            })
    }

    /// Makes this user the owner of `path` itself, not of its content.
    pub(crate) fn own(&self, path: &Path) -> Result<(), Error> {
        chown(path, Some(self.uid), Some(self.gid)).map_err(Error::io(format!(
            "give {} to {}",
            path.display(),
            self.name
        )))
    }

    /// Whether this user can reach the files in `folder`.
    pub(crate) fn can_enter(&self, folder: &Path) -> bool {
        folder.ancestors().all(|step| {
            fs::metadata(step).is_ok_and(|step| {
                let right = match () {
                    () if step.uid() == self.uid => 0o100,
                    () if step.gid() == self.gid => 0o010,
                    () => 0o001,
                };
                step.mode() & right != 0
            })
        })
    }
}

fn find(users: &str, name: &str) -> Option<Account> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then_some(())?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Account {
            name: name.to_owned(),
            uid,
            gid,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_match_by_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/bash\npostgresql:x:9:9::/:\npostgres:x:101:104:,,,:/:/bin/sh\n";
        let expected = Account {
            name: "postgres".to_owned(),
            uid: 101,
            gid: 104,
        };
        assert_eq!(find(users, "postgres"), Some(expected));
        assert_eq!(find(users, "nobody"), None);
    }
}
