//! The function behind `/api/admin/metrics/cache`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/metrics/cache")
}
