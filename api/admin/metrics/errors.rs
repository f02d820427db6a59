//! The function behind `/api/admin/metrics/errors`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/metrics/errors")
}
