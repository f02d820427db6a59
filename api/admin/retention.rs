//! The function behind `/api/admin/retention`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/retention")
}
