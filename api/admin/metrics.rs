//! The function behind `/api/admin/metrics`.

fn main() -> std::process::ExitCode {
    exodrive_vercel::serve("admin/metrics")
}
