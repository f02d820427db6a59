//! Files and folders that only this user may read.

use crate::error::Error;
use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::Duration,
};
use tokio::time::{Instant, sleep};

const REMOVAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Writes a file atomically. Only this user may read it.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Error> {
    let unfinished = path.with_extension("unfinished");
    let replace = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&unfinished, path)
    };
    replace().map_err(Error::io(format!("write {}", path.display())))
}

/// Removes a file. A missing file is no error.
pub(crate) fn remove_file(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io(format!("remove {}", path.display()))(error))
        }
        _ => Ok(()),
    }
}

/// Removes a folder and its content. A missing folder is no error.
///
/// Retries while a process that is ending still writes there.
pub(crate) async fn remove_folder(path: &Path) -> Result<(), Error> {
    let deadline = Instant::now() + REMOVAL_TIMEOUT;
    loop {
        match fs::remove_dir_all(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error)
                if error.kind() == io::ErrorKind::DirectoryNotEmpty
                    && Instant::now() < deadline =>
            {
                sleep(Duration::from_millis(20)).await;
            }
            Err(error) => return Err(Error::io(format!("remove {}", path.display()))(error)),
        }
    }
}
