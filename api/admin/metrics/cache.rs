//! The function behind `/api/admin/metrics/cache`. Written by script/generate.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/metrics/cache")
}
