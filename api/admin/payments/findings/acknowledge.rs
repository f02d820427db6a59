//! The function behind `/api/admin/payments/findings/acknowledge`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/payments/findings/acknowledge")
}
