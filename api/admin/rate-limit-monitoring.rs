//! The function behind `/api/admin/rate-limit-monitoring`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/rate-limit-monitoring")
}
