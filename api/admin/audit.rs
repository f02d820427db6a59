//! The function behind `/api/admin/audit`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/audit")
}
