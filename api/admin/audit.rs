//! The function behind `/api/admin/audit`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/audit")
}
